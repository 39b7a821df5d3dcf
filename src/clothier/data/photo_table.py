"""Tables of labeled photos: from a CSV, or from a folder with a subfolder for each class."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.class_folders import find_splits, read_class_folders, unused_folders
from clothier.data.columns import Columns
from clothier.data.photo_csv import ParsedRows, Row, read_rows
from clothier.errors import DataError, UnknownNameError
from clothier.taxonomy import PARENT_CLASS, accepted_labels, known_classes, label_key, merge_spellings
from clothier.types import FailedInput
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.class_folders import SplitName
    from clothier.types import BoolArray, Int64Array, Labels

__all__ = ["Columns", "PhotoTable", "read_photo_table"]

UNKNOWN_LABEL = -1  # the label of a photo of none of the classes
NO_PRODUCT = -1  # the product of a photo whose cell is empty
LABELS_CSV = "labels.csv"  # read instead of the subfolders, if a folder has it
DEFAULT_COLUMNS = Columns()
NO_GROUPS = (
    "No group column: every photo counts as independent. If photos belong together (one photographer, one product), "
    "accuracy and guarantee are too optimistic; name the column with --group-column."
)
CODES_HINT = "If the labels are your own codes, give the file that says which class each stands for (--taxonomy)."
EMPTY_CLASS = "empty-class"  # the code of a failure
MAX_INT_DIGITS = 18  # a number with fewer digits fits into int64


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTable:
    """N labeled photos as files that were not read yet.

    Attributes:
        name: of the table.
        files: (N) paths, as they can be opened.
        labels: (N,) int64, indices into ``classes``; -1 for an empty label.
        classes: the K class names.
        groups: (N,) int64, groups of related photos, such as those of one photographer or product. Without a group
            column, every photo is its own group.
        has_groups: whether the data have groups.
        failures: photos that are missing or unreadable.
        warnings: one sentence each.
        raw_labels: (N) the most specific label that the table has for each photo; "" for an empty label.
        products: (N,) int64, the product that each photo shows, -1 for none; None without a product column.
    """

    name: str
    files: tuple[str, ...]
    labels: Labels
    classes: tuple[str, ...]
    groups: Int64Array
    has_groups: bool
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()
    raw_labels: tuple[str, ...] = ()
    products: Int64Array | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def class_counts(self) -> dict[str, int]:
        """Class to number of photos, in the order of the classes; empty labels are not counted."""
        counts = np.bincount(self.labels[self.labels != UNKNOWN_LABEL], minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    @property
    def failure_note(self) -> str:
        """For errors about missing photos: how many failed, and why the first did; "" if none did."""
        return f" {len(self.failures)} inputs failed. The first: {self.failures[0].message}" if self.failures else ""

    def subset(self, indices: npt.NDArray[np.intp] | BoolArray) -> PhotoTable:
        """The photos at ``indices``, (M,) integers or a mask (N,)."""
        rows = np.flatnonzero(indices) if indices.dtype == bool else indices
        files = tuple(self.files[row] for row in rows)
        raw_labels = tuple(self.raw_labels[row] for row in rows) if self.raw_labels else ()
        labels, groups = self.labels[rows], self.groups[rows]
        products = None if self.products is None else self.products[rows]
        return replace(self, files=files, labels=labels, groups=groups, raw_labels=raw_labels, products=products)

    @property
    def product_rows(self) -> list[tuple[int, ...]]:
        """The rows of each product."""
        if self.products is None:
            return []
        order = np.argsort(self.products, kind="stable")
        products = self.products[order]
        starts = np.flatnonzero(np.diff(products, prepend=NO_PRODUCT))  # what is before the first has none
        return [tuple(rows.tolist()) for rows in np.split(order, starts)[1:]]

    def merge_groups(self, duplicates: Iterable[tuple[int, ...]]) -> Int64Array:
        """(N,) int64: the groups, where groups that share an image, by the rows of ``duplicates``, are one."""
        merged = self.groups.copy()
        for rows in duplicates:
            merged[np.isin(merged, merged[list(rows)])] = merged[list(rows)].min()
        return merged


def is_photo_table(path: Path) -> bool:
    """Whether ``path`` is a file, or a folder with a ``labels.csv``: a table of photos in any case."""
    return _is_file(path) or _is_file(path / LABELS_CSV)


def read_photo_table(
    path: Path,
    *,
    columns: Columns = DEFAULT_COLUMNS,
    classes: Sequence[str] | None = None,
    split: SplitName = "train",
    codes: Mapping[str, str] | None = None,
) -> PhotoTable:
    """Reads a table of photos; the photos themselves are not opened.

    Args:
        path: a CSV (see :mod:`clothier.data.photo_csv`), a folder with ``labels.csv`` in it, or a folder with a
            subfolder of photos for each class.
        columns: the CSV's columns.
        classes: of the model that the table is for. Labels are mapped to them. A subclass that the model does not have
            becomes its parent. If the table only has a parent, the parent replaces its subclasses in
            ``PhotoTable.classes``. Photos with other labels are failures. Without ``classes``, they are the labels that
            occur, sorted. Letter case and Unicode form of a label are ignored.
        split: which photos to read where folders for training, validation and test are above the class folders. Without
            a test folder, those for validation are the test photos.
        codes: a company's codes that labels may be, to class names (:func:`clothier.taxonomy.labels_by_code`).

    Raises:
        DataError: no table, an unreadable one, a missing column or split, or no photo with a label of ``classes``.
    """
    if not _is_folder(path):
        return _build_table(path, read_rows(path, columns), classes, codes)
    if _is_file(path / LABELS_CSV):
        return _build_table(path / LABELS_CSV, read_rows(path / LABELS_CSV, columns), classes, codes)
    if columns.named:
        raise DataError(f"{path} has no table of photos, so no column {' or '.join(columns.named)}. Give a CSV.")
    splits = find_splits(path)
    if not splits:
        return class_folder_table(path, classes, codes=codes)
    if split == "test" and split not in splits:
        split = "validation"
    if split not in splits:
        raise DataError(
            f"{path} is divided into {', '.join(one.name for one in splits.values())}, and this needs {split} photos. "
            f"To use others, give their folder, such as {next(iter(splits.values()))}."
        )
    table = class_folder_table(splits[split], classes, splits.values(), codes)
    unused = unused_folders(path, [splits[split]])
    return replace(table, name=f"{_table_name(path)}, {table.name}", warnings=(*unused, *table.warnings))


def class_folder_table(
    folder: Path,
    classes: Sequence[str] | None = None,
    outside: Iterable[Path] = (),
    codes: Mapping[str, str] | None = None,
) -> PhotoTable:
    """The table of all files in the class folders of ``folder``, without groups. ``classes`` and ``codes`` as above.

    Links into ``outside``, the folders of other splits, are not followed.

    Raises:
        DataError: no class folders, or a class that cannot be read.
    """
    content = read_class_folders(folder, outside)
    if not any(content.files.values()):
        raise DataError(f"{folder} has neither {LABELS_CSV} nor a subfolder of photos for each class. Create one.")
    rows = [Row(str(file), name, "", f"in {name}/") for name, files in content.files.items() for file in files]
    empty = [
        FailedInput(str(folder / name), EMPTY_CLASS, f"{folder / name} has no photos. Add some or remove the folder.")
        for name, files in content.files.items()
        if not files
    ]
    parsed = ParsedRows(tuple(rows), failures=(*content.failures, *empty), warnings=content.warnings)
    return _build_table(folder, parsed, classes, codes)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # name too long, no permission; reading it gives the error
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _build_table(
    path: Path, parsed: ParsedRows, classes: Sequence[str] | None, codes: Mapping[str, str] | None
) -> PhotoTable:
    class_of = {label_key(code): name for code, name in (codes or {}).items()}
    rows = tuple(
        replace(
            row,
            label=printable(class_of.get(label_key(row.label), row.label)),
            subclass=printable(row.subclass),
        )
        for row in parsed.rows
    )
    failures = parsed.failures
    spelling = merge_spellings(row.label for row in rows if row.label)
    warnings = (*parsed.warnings, *_spelling_warnings(path, spelling))
    if classes is None:
        mapped, known = spelling, tuple(sorted(set(spelling.values())))
    else:
        accepted = accepted_labels(classes)
        mapped = {name: accepted[label_key(name)] for name in spelling if label_key(name) in accepted}
        known = known_classes(classes, mapped.values())
        rows, unknown = _split_off_unknown(path, rows, mapped, classes, codes)
        failures += unknown
    if not rows:
        first = f" The first: {failures[0].message}" if failures else ""
        raise DataError(f"{path} has no usable photo; {len(failures)} failed.{first}")
    return PhotoTable(
        _table_name(path),
        tuple(row.file for row in rows),
        np.array([known.index(mapped[row.label]) if row.label else UNKNOWN_LABEL for row in rows], np.int64),
        known,
        _group_ids([row.group for row in rows]),
        parsed.has_groups,
        failures,
        warnings,
        tuple(_raw_label(row) for row in rows),
        _product_ids([row.product for row in rows]) if parsed.has_products else None,
    )


def _spelling_warnings(path: Path, spelling: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(set(spelling.values())):
        if others := sorted(other for other, used in spelling.items() if used == name != other):
            yield f"{path}: the labels {', '.join([name, *others])} are one class, {name}."


def _split_off_unknown(
    path: Path,
    rows: Sequence[Row],
    known: Collection[str],
    classes: Sequence[str],
    codes: Mapping[str, str] | None,
) -> tuple[tuple[Row, ...], tuple[FailedInput, ...]]:
    """The rows whose label is empty or known, and a failure for each other label.

    Where no label is known, they may be codes, and the failures say how to give those.
    """
    unknown: dict[str, list[str]] = {}
    for row in rows:
        if row.label and row.label not in known:
            unknown.setdefault(row.label, []).append(row.location)
    kind = "class of the model" if codes is None else "class of the model or code of the taxonomy"
    hint = "" if known or codes is not None else f" {CODES_HINT}"
    names = (*classes, *(codes or ()))
    failures = tuple(unknown_label(path, name, len(rows), names, rows, kind, hint) for name, rows in unknown.items())
    return tuple(row for row in rows if row.label not in unknown), failures


def unknown_label(
    path: Path,
    label: str,
    count: int,
    known: Iterable[str],
    locations: Sequence[str] = (),
    kind: str = "class of the model",
    hint: str = "",
) -> FailedInput:
    """The failure of ``count`` photos whose label is not among the ``known`` names of a ``kind``."""
    where = ", " + ", ".join(dict.fromkeys(locations[:3])) + ", ..." * (count > 3) if locations else ""
    return FailedInput(
        f"{path}, label {label!r}",
        "unknown-label",
        f"{path}, label {label!r}{where}: {UnknownNameError(label, kind, known)} "
        f"Photos left out: {count}. Leave the label empty if a photo shows none of the classes.{hint}",
    )


def _raw_label(row: Row) -> str:
    """The row's subclass if it is one of its label, otherwise the label."""
    subclass, label = label_key(row.subclass), label_key(row.label)
    return subclass if label and PARENT_CLASS.get(subclass) == label else row.label


def _table_name(path: Path) -> str:
    """The name of a folder or of a CSV; for ``labels.csv``, the name of its folder."""
    path = path.resolve()
    return printable(path.parent.name if path.name == LABELS_CSV else path.stem if path.is_file() else path.name)


def _group_ids(names: Sequence[str]) -> Int64Array:
    """An id for each name: the number if all are whole numbers, otherwise the alphabetical rank. "" gets a new id.

    Numbers stay as they are because folds depend on the order of the groups.
    """
    known = sorted(set(names) - {""})
    ids = {name: rank for rank, name in enumerate(known)}
    if all(name.isascii() and name.isdecimal() and len(name) < MAX_INT_DIGITS for name in known):
        ids = {name: int(name) for name in known}
    new_ids = itertools.count(max(ids.values(), default=-1) + 1)
    return np.array([ids[name] if name else next(new_ids) for name in names], np.int64)


def _product_ids(names: Sequence[str]) -> Int64Array:
    return np.where(np.array(names) == "", NO_PRODUCT, _group_ids(names))
