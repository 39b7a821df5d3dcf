"""Class names: the classes of the models, the mappings between them, and a company's own codes.

A company writes its codes into a TOML file, one line for each class of the model; classes may share a code:

    [codes]
    "t-shirt" = "TS-100"
    longsleeve = "TS-200"
    shoes = "FOOT"
    boot = "FOOT"
    sandal = "FOOT"
    sneaker = "FOOT"

or into a CSV with the columns ``class`` and ``code``.
"""

from __future__ import annotations

import csv
import io
import tomllib
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.untrusted import read_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from clothier.types import BoolArray, Labels

    Probabilities = npt.NDArray[np.floating]

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Labels 0 to 9 of Fashion-MNIST, named as in arXiv 1708.07747, table 2."""

UPPER_BODY_CLASSES = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
"""76-80 % of all errors are between these five classes (our runs of the study); half of those involve Shirt."""

CODES_TABLE = "codes"  # of a company's TOML file
MAX_BYTES = 1 << 20  # of that file

PARENT_CLASS = {"sandal": "shoes", "sneaker": "shoes", "boot": "shoes"}
"""Subclass to the class that other data use for it."""

PHOTO_TO_FASHION_MNIST = {
    "t-shirt": "T-shirt/top",
    "pants": "Trouser",
    "longsleeve": "Pullover",
    "dress": "Dress",
    "outwear": "Coat",
    "sandal": "Sandal",
    "shirt": "Shirt",
    "sneaker": "Sneaker",
    "boot": "Ankle boot",
}
"""Photo class to Fashion-MNIST class; Bag has no photo class."""

WITHOUT_FASHION_CLASS = ("hat", "shoes", "shorts", "skirt")
"""Photo classes that Fashion-MNIST does not have."""


def label_key(name: str) -> str:
    """What is compared of a label: letter case and Unicode form (NFC, NFD) are ignored."""
    return unicodedata.normalize("NFC", name).casefold()


def merge_spellings(labels: Iterable[str]) -> dict[str, str]:
    """Each label to the most frequent one of those with the same :func:`label_key`; of several, the first."""
    counts = Counter(labels)
    spelling: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spelling.setdefault(label_key(name), name)
    return {name: spelling[label_key(name)] for name in counts}


def to_fashion_class(name: str) -> str:
    """The Fashion-MNIST class for a class of Fashion-MNIST or of the photo model; "" if there is none."""
    own = {label_key(known): known for known in FASHION_MNIST_CLASSES}
    return PHOTO_TO_FASHION_MNIST.get(label_key(name)) or own.get(label_key(name), "")


def without_subclasses(classes: Sequence[str]) -> tuple[str, ...]:
    """``classes`` without those whose parent class is among them."""
    return tuple(name for name in classes if PARENT_CLASS.get(name) not in classes)


def accepted_labels(classes: Sequence[str]) -> dict[str, str]:
    """Labels that data for a model may have, as :func:`label_key`, to a class: the model's classes and their parents.

    A subclass that the model does not have is accepted as its parent.
    """
    parents = [PARENT_CLASS[name] for name in classes if name in PARENT_CLASS]
    known = {label_key(name): name for name in (*parents, *classes)}
    return {name: known[parent] for name, parent in PARENT_CLASS.items() if parent in known} | known


def company_code(name: str, decision: str | None, codes: Mapping[str, str] | None) -> str | None:
    """The company's code of a predicted class; None without codes, and for a photo that is rejected."""
    return codes[name] if codes and decision != "reject" else None


def labels_by_code(codes: Mapping[str, str]) -> dict[str, str]:
    """The class that each company code stands for, by the code. Codes with the same :func:`label_key` are one.

    A code of a class and its subclasses stands for the class.

    Raises:
        UsageError: a code of classes of which none is the parent of the others, or that is the name of another class.
    """
    shared: dict[str, list[str]] = {}
    for name, code in codes.items():
        shared.setdefault(label_key(code), []).append(name)
    found, accepted = {}, accepted_labels(tuple(codes))
    for names in shared.values():
        parents = [name for name in names if all(name in (other, PARENT_CLASS.get(other)) for other in names)]
        if not parents:
            raise UsageError(
                f"the code {codes[names[0]]!r} stands for {' and '.join(names)}, so it names no class. As labels, "
                "codes need to differ; give the labels as classes of the model, or another taxonomy."
            )
        code, own = codes[names[0]], parents[0]
        if accepted.get(label_key(code), own) != own:
            raise UsageError(
                f"the code {code!r} stands for {own}, but is also the name of another class, so as a label it is "
                "ambiguous. Give the labels as classes of the model, or another taxonomy."
            )
        found[code] = own
    return found


def known_classes(classes: Sequence[str], used: Collection[str]) -> tuple[str, ...]:
    """``classes`` with the parent in place of a subclass if data use the parent but not the subclass."""
    return tuple(
        dict.fromkeys(
            PARENT_CLASS[name] if name not in used and PARENT_CLASS.get(name) in used else name for name in classes
        )
    )


def map_classes(classes: Sequence[str], target_classes: Sequence[str]) -> tuple[str, ...]:
    """Each class, or its parent class if only that is among ``target_classes``; otherwise the class itself."""
    return tuple(_map_class(name, target_classes) for name in classes)


def counted_as(classes: Sequence[str], target_classes: Sequence[str]) -> dict[str, str]:
    """The classes that are replaced by their parent class, and that parent."""
    return {name: one for name, one in zip(classes, map_classes(classes, target_classes), strict=True) if name != one}


def map_labels(labels: Labels, classes: Sequence[str], target_classes: Sequence[str]) -> Labels:
    """(N,) indices into ``classes`` as indices into ``target_classes``; -1 (unknown) stays.

    Raises:
        ValueError: a class has no counterpart among ``target_classes``.
    """
    mapped = labels.copy()
    for label, name in enumerate(map_classes(classes, target_classes)):
        mapped[labels == label] = target_classes.index(name)
    return mapped


def aggregate_to(probabilities: Probabilities, classes: Sequence[str], target_classes: Sequence[str]) -> Probabilities:
    """Sums the probabilities of subclasses into the classes that the data have.

    Args:
        probabilities: (N, K), rows sum to 1.
        classes: the model's K classes.
        target_classes: the data's L classes, in any order.

    Returns:
        (N, L); rows sum to 1.

    Raises:
        UsageError: a class of the model has no counterpart in the data, or one of the data none in the model.
    """
    mapped = map_classes(classes, target_classes)
    if missing := sorted(set(mapped) - set(target_classes)):
        raise UsageError(
            f"the model predicts {', '.join(missing)}, but the data only have {', '.join(target_classes)}. "
            "Give data with all classes of the model, or with their parent classes."
        )
    if unknown := sorted(set(target_classes) - set(mapped)):
        raise UsageError(
            f"the data have {', '.join(unknown)}, but the model only predicts {', '.join(classes)}. "
            "Remove those rows, or leave their labels empty."
        )
    return probabilities @ [[float(name == target) for target in target_classes] for name in mapped]


def is_right(
    probabilities: Probabilities, labels: Labels, classes: Sequence[str], target_classes: Sequence[str]
) -> BoolArray:
    """Whether a tag, the most probable of the model's classes, is the photo's class or a subclass of it.

    Not whether the most probable sum of :func:`aggregate_to` is: three subclasses together may be more probable than
    the class that is written as the tag.

    Args:
        probabilities: (N, K).
        labels: (N,) int64, indices into ``target_classes``; -1 for none of them, for which no tag is right.
        classes: the model's K classes.
        target_classes: the data's L classes, as :func:`aggregate_to` takes them.

    Returns:
        (N,) bool.
    """
    right: BoolArray = map_labels(probabilities.argmax(axis=1), classes, target_classes) == labels
    return right


def _map_class(name: str, target_classes: Sequence[str]) -> str:
    parent = PARENT_CLASS.get(name, name)
    return parent if parent in target_classes and name not in target_classes else name


def read_taxonomy(path: Path, classes: Sequence[str]) -> dict[str, str]:
    """Reads a company's codes (the module's docstring shows the file).

    Returns:
        Each of ``classes``, in their order, to its code; letter case in the file is ignored.

    Raises:
        DataError: the file cannot be read, is neither TOML with a table ``[codes]`` nor a CSV with the two columns,
            lacks a class, names one twice, or names one that the model does not have.
    """
    is_csv = path.suffix.lower() == ".csv"
    codes = _read_csv(path) if is_csv else list(_read_toml(path).items())
    known = {label_key(name): name for name in classes}
    given: dict[str, str] = {}
    for name, code in codes:
        if label_key(name) not in known:
            raise DataError(f"{path}: {UnknownNameError(name, 'class of the model', classes)}")
        if (own := known[label_key(name)]) in given:
            raise DataError(f"{path} names {own} twice; letter case does not matter. Keep one line for each class.")
        given[own] = _check_code(path, name, code)
    if missing := [name for name in classes if name not in given]:
        line = f"{missing[0]},..." if is_csv else f'"{missing[0]}" = "..."'
        raise DataError(
            f"{path} has no code for {', '.join(missing)}; every class of the model needs one. Add a line such as "
            f"{line}"
        )
    return {name: given[name] for name in classes}


def read_label_codes(path: Path | None, classes: Sequence[str]) -> dict[str, str] | None:
    """The class for each code of a taxonomy whose codes are used as labels; None without a file.

    Raises:
        ClothierError: as :func:`read_taxonomy` and :func:`labels_by_code`.
    """
    return None if path is None else labels_by_code(read_taxonomy(path, classes))


def _read_content(path: Path) -> bytes:
    try:
        return read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def _read_csv(path: Path) -> list[tuple[str, str]]:
    """Class and code of each line below the header; the delimiter is a comma, a semicolon or a tab."""
    try:
        text = _read_content(path).decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        rows = [[cell.strip() for cell in cells] for cells in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV in UTF-8: {error}. Save it as 'CSV UTF-8'.") from error
    header, *lines = [cells for cells in rows if any(cells)] or [[]]
    columns = [name.lower() for name in header]
    if not {"class", "code"} <= set(columns):
        found = f"the columns {', '.join(header)}" if header else "no lines"
        raise DataError(
            f"{path} has {found}; the columns class and code are needed. Begin with the line class,code and write one "
            "line for each class, such as t-shirt,TS-100."
        )
    cells = [dict(zip(columns, line, strict=False)) for line in lines]
    return [(line.get("class", ""), line.get("code", "")) for line in cells]


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        values = tomllib.loads(_read_content(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, endless nesting
        raise DataError(
            f'{path} is not TOML: {error}. Write one line for each class, such as "t-shirt" = "TS-100"; or give a '
            ".csv with the columns class and code."
        ) from error
    if unknown := sorted(values.keys() - {CODES_TABLE}):
        raise DataError(
            f"{path} has {', '.join(unknown)} outside [{CODES_TABLE}]. Put all lines below the line [{CODES_TABLE}]."
        )
    if not isinstance(values.get(CODES_TABLE), dict):
        raise DataError(
            f"{path} has no table [{CODES_TABLE}]. Start with the line [{CODES_TABLE}], then one line for each class."
        )
    codes: Mapping[str, Any] = values[CODES_TABLE]
    return codes


def _check_code(path: Path, name: str, code: object) -> str:
    if not isinstance(code, str) or not code.strip():
        raise DataError(f'{path} gives {name!r} the code {code!r}; a code is text, such as "TS-100".')
    return code.strip()
