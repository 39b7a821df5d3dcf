"""The words for garments: the classes that models know, which of them are finer words, and a company's own codes.

A company's codes stand in a small TOML file, a line for each class of the model; several classes may share a code:

    [codes]
    "t-shirt" = "TS-100"
    longsleeve = "TS-200"
    shoes = "FOOT"
    boot = "FOOT"
    sandal = "FOOT"
    sneaker = "FOOT"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

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
"""The five classes among which 76-80 % of all errors fall (our runs of the study); half of those touch Shirt."""

PHOTO_CLASSES = (
    "dress",
    "hat",
    "longsleeve",
    "outwear",
    "pants",
    "shirt",
    "shoes",
    "shorts",
    "skirt",
    "t-shirt",
    "sandal",
    "sneaker",
    "boot",
)
"""What the photo model tells apart; ``shoes`` is footwear that is none of the last three, or not surely."""

CODES_TABLE = "codes"  # of a company's TOML file

PARENT_CLASS = {"sandal": "shoes", "sneaker": "shoes", "boot": "shoes"}
"""Finer words, and the broader one that others use for the same thing."""

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
"""Fashion-MNIST's word for what the photo model knows, too; it has none for hats, shorts and skirts, and bags alone."""


def class_index(name: str, classes: tuple[str, ...] = FASHION_MNIST_CLASSES) -> int:
    """The label of a class by its name, letter case aside.

    Raises:
        UnknownNameError: no such class; the sentence offers the nearest.
    """
    folded = [known.casefold() for known in classes]
    if name.casefold() not in folded:
        raise UnknownNameError(name, "garment class", classes)
    return folded.index(name.casefold())


def aggregate_to(probabilities: Probabilities, classes: Sequence[str], target_classes: Sequence[str]) -> Probabilities:
    """A model's answers in the words of the data: what it tells apart finer is added up to the broader word.

    Args:
        probabilities: (N, K), rows sum to 1.
        classes: the model's K classes.
        target_classes: the data's classes, in any order.

    Returns:
        (N, len(wanted)); rows sum to 1.

    Raises:
        UsageError: the data lack a word for one of the model's classes, or the model one of the data's.
    """
    words = [name if name in target_classes else PARENT_CLASS.get(name, name) for name in classes]
    if lacking := sorted(set(words) - set(target_classes)):
        raise UsageError(
            f"the model answers with {', '.join(lacking)}, and the data only have {', '.join(target_classes)}; "
            "give data that have all of the model's classes, or broader ones."
        )
    if unknown := sorted(set(target_classes) - set(words)):
        raise UsageError(
            f"the data have {', '.join(unknown)}, and the model only answers with {', '.join(classes)}; "
            "leave those rows out, or their labels empty."
        )
    return sum_columns(probabilities, words, target_classes)


def sum_columns(
    probabilities: Probabilities, column_names: Sequence[str], target_names: Sequence[str]
) -> Probabilities:
    """Columns of the same word added up, in the order of ``target_names``: (N, K) with a word each to (N, len(wanted)).

    A product with ones and noughts, so that nothing but the array itself needs numpy.
    """
    return probabilities @ [[float(word == name) for name in target_names] for word in column_names]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """A company's own names for a model's classes.

    Attributes:
        classes: the model's K classes, in the order of its logits.
        codes: the company's code for each, (K); several may be the same.
    """

    classes: tuple[str, ...]
    codes: tuple[str, ...]

    def code_of(self, name: str) -> str:
        """The company's code for a class of the model, letter case aside.

        Raises:
            UnknownNameError: no such class.
        """
        return self.codes[class_index(name, self.classes)]

    def aggregate(self, probabilities: Probabilities, classes: Sequence[str]) -> tuple[Probabilities, tuple[str, ...]]:
        """Answers in the company's codes; the probabilities of classes with one code add up.

        Args:
            probabilities: (N, K), rows sum to 1.
            classes: what its columns are; any of the model's classes, in any order.

        Returns:
            (N, number of codes), rows sum to 1; and the codes, in the order in which the classes name them first.

        Raises:
            UnknownNameError: one of ``classes`` has no code.
        """
        words = [self.code_of(name) for name in classes]
        codes = tuple(dict.fromkeys(words))
        return sum_columns(probabilities, words, codes), codes


def read_taxonomy(path: Path, classes: Sequence[str]) -> Taxonomy:
    """Reads a company's codes (the module's docstring shows the file), one for each of the model's ``classes``.

    Raises:
        DataError: the file cannot be read, is no TOML, has no table ``[codes]``, lacks a class, or names one twice.
        UnknownNameError: it names a class that the model has not; the sentence offers the nearest.
    """
    codes = _read_codes(path)
    given = {class_index(name, tuple(classes)): _check_code(path, name, code) for name, code in codes.items()}
    if len(given) < len(codes):
        raise DataError(
            f"{path} names a class twice in [{CODES_TABLE}], in other letter cases. Keep one line for each."
        )
    if lacking := [name for place, name in enumerate(classes) if place not in given]:
        raise DataError(
            f"{path} has no code for {', '.join(lacking)}; every class of the model needs one. "
            f'Add under [{CODES_TABLE}] a line such as "{lacking[0]}" = "...".'
        )
    return Taxonomy(tuple(classes), tuple(given[place] for place in range(len(classes))))


def _read_codes(path: Path) -> Mapping[str, Any]:
    """The table of codes, as it stands in the file."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    except (ValueError, RecursionError) as error:  # tomllib's fault and a wrong encoding's
        raise DataError(
            f'{path} is not TOML: {error}. Write a line for each class, such as "t-shirt" = "TS-100".'
        ) from error
    if unknown := sorted(values.keys() - {CODES_TABLE}):
        raise DataError(
            f"{path} has {', '.join(unknown)} beside [{CODES_TABLE}]; put all lines below the line [{CODES_TABLE}]."
        )
    if not isinstance(values.get(CODES_TABLE), dict):
        raise DataError(
            f"{path} has no table [{CODES_TABLE}]; begin with the line [{CODES_TABLE}], then a line for each class."
        )
    codes: Mapping[str, Any] = values[CODES_TABLE]
    return codes


def _check_code(path: Path, name: str, code: object) -> str:
    if not isinstance(code, str) or not code.strip():
        raise DataError(f'{path} gives {name!r} the code {code!r}; a code is text in quotes, such as "TS-100".')
    return code.strip()
