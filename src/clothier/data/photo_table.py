"""Tables of labeled photos: from a CSV, or from a folder with a subfolder for each class."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.fingerprints import Fingerprints
from clothier.data.photo_csv import Columns, ParsedRows, Row, read_rows
from clothier.data.photos import decode_for, load_image, preprocess
from clothier.errors import DataError, ImageError
from clothier.system import parallel_map
from clothier.taxonomy import PARENT_CLASS, accepted_labels, known_classes
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from clothier.types import BoolArray, Images, InputSpec, Int64Array, Labels, Progress

__all__ = ["Columns", "PhotoTable", "load_photos", "read_photo_table"]

UNKNOWN_LABEL = -1  # the label of a photo of none of the classes
LABELS_CSV = "labels.csv"  # read instead of the subfolders, if a folder has it
DEFAULT_COLUMNS = Columns()
MAX_INT_DIGITS = 18  # a number with fewer digits fits into int64
IGNORED = {"Thumbs.db", "desktop.ini"}  # files that desktops create in image folders


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

    def __len__(self) -> int:
        return len(self.files)

    @property
    def class_counts(self) -> dict[str, int]:
        """Class to number of photos, in the order of the classes; empty labels are not counted."""
        counts = np.bincount(self.labels[self.labels != UNKNOWN_LABEL], minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def subset(self, indices: npt.NDArray[np.intp] | BoolArray) -> PhotoTable:
        """The photos at ``indices``, (M,) integers or a mask (N,)."""
        rows = np.flatnonzero(indices) if indices.dtype == bool else indices
        files = tuple(self.files[row] for row in rows)
        raw_labels = tuple(self.raw_labels[row] for row in rows) if self.raw_labels else ()
        return replace(self, files=files, labels=self.labels[rows], groups=self.groups[rows], raw_labels=raw_labels)

    def merge_groups(self, duplicates: Iterable[tuple[int, ...]]) -> Int64Array:
        """(N,) int64: the groups, where groups that share an image, by the rows of ``duplicates``, are one."""
        merged = self.groups.copy()
        for rows in duplicates:
            merged[np.isin(merged, merged[list(rows)])] = merged[list(rows)].min()
        return merged


def is_photo_table(path: Path) -> bool:
    """Whether ``path`` is a file, or a folder with a ``labels.csv``: a table of photos in any case."""
    return path.is_file() or (path / LABELS_CSV).is_file()


def read_photo_table(
    path: Path, *, columns: Columns = DEFAULT_COLUMNS, classes: Sequence[str] | None = None
) -> PhotoTable:
    """Reads a table of photos; the photos themselves are not opened.

    Args:
        path: a CSV (see :mod:`clothier.data.photo_csv`), a folder with ``labels.csv`` in it, or a folder with a
            subfolder of photos for each class.
        columns: the CSV's columns.
        classes: of the model that the table is for. Labels are mapped to them; letter case is ignored. A subclass that
            the model does not have becomes its parent. If the table only has a parent, the parent replaces its
            subclasses in ``PhotoTable.classes``. Without ``classes``, they are the labels that occur, sorted.

    Raises:
        DataError: no table, an unreadable one, a missing column, or a label that is not among ``classes``.
    """
    if not _is_folder(path):
        return _build_table(path, read_rows(path, columns), classes)
    if (path / LABELS_CSV).is_file():
        return _build_table(path / LABELS_CSV, read_rows(path / LABELS_CSV, columns), classes)
    return class_folder_table(path, classes)


def class_folder_table(folder: Path, classes: Sequence[str] | None = None) -> PhotoTable:
    """The table of all files in the class folders of ``folder``, without groups. ``classes`` as above.

    Raises:
        DataError: no class folders, or one that is not among ``classes``.
    """
    subfolders = class_folders(folder)
    if not subfolders:
        raise DataError(f"{folder} has neither {LABELS_CSV} nor a subfolder for each class. Create one of them.")
    rows = [
        Row(str(path), subfolder.name, "", f"in {subfolder.name}/")
        for subfolder in subfolders
        for path in image_files(subfolder)
    ]
    return _build_table(folder, ParsedRows(tuple(rows)), classes)


def class_folders(folder: Path) -> list[Path]:
    """The subfolders of ``folder``, sorted, without hidden ones; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def image_files(folder: Path) -> list[Path]:
    """All files below ``folder``, sorted, without hidden ones and :data:`IGNORED`."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in IGNORED
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def load_photos(
    table: PhotoTable, input_spec: InputSpec, *, progress: Progress = no_progress
) -> tuple[Images, PhotoTable]:
    """Reads and preprocesses the photos on all cores.

    Returns:
        (M, *input_spec.shape) uint8, the M readable photos; and their table, with the others in ``failures``.

    Raises:
        UnknownNameError: ``input_spec`` has an unknown kind.
    """
    images = np.empty((len(table), *input_spec.shape), np.uint8)

    def load(row: int, path: Path) -> None:
        images[row] = load_image(path, input_spec)

    readable, table = read_photos(table, load, progress)
    return images if len(readable) == len(images) else images[readable], table


def load_with_fingerprints(
    table: PhotoTable, *input_specs: InputSpec, progress: Progress = no_progress
) -> tuple[list[Images], Fingerprints, PhotoTable]:
    """As :func:`load_photos`, with fingerprints. Each photo is decoded once, at the size that the first spec needs.

    Returns:
        The photos for each spec, (M, *spec.shape) uint8; the fingerprints of the M readable photos; and their table.
    """
    images = [np.empty((len(table), *spec.shape), np.uint8) for spec in input_specs]
    fingerprints = Fingerprints.empty(len(table))

    def load(row: int, path: Path) -> None:
        image = decode_for(path, input_specs[0])
        for array, spec in zip(images, input_specs, strict=True):
            array[row] = preprocess(image, spec)
        fingerprints.set(row, image)

    readable, table = read_photos(table, load, progress)
    if len(readable) < len(fingerprints.digests):
        images, fingerprints = [array[readable] for array in images], fingerprints.subset(readable)
    return images, fingerprints, table


def read_photos(
    table: PhotoTable, read: Callable[[int, Path], None], progress: Progress = no_progress
) -> tuple[Int64Array, PhotoTable]:
    """Calls ``read`` with the row and the path of each photo, on all cores.

    Returns:
        The rows of the readable photos, those for which ``read`` raises no ImageError; and their table, with the
        others in ``failures``.
    """

    def try_read(row: int) -> FailedInput | None:
        try:
            read(row, Path(table.files[row]))
        except ImageError as error:
            return FailedInput(table.files[row], error.code, str(error))
        return None

    task = f"reading the photos of {table.name}"
    found = parallel_map(try_read, range(len(table)), lambda done: progress(task, done, len(table)))
    rows = np.array([row for row, failure in enumerate(found) if failure is None], np.int64)
    failures = tuple(failure for failure in found if failure)
    return rows, replace(table.subset(rows), failures=table.failures + failures)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # name too long; reading it as a CSV gives the error
        return False


def _build_table(path: Path, parsed: ParsedRows, classes: Sequence[str] | None) -> PhotoTable:
    names = sorted({row.label for row in parsed.rows} - {""})
    mapped = {name: name for name in names} if classes is None else _map_labels(path, parsed.rows, classes)
    known = tuple(names) if classes is None else known_classes(classes, mapped.values())
    labels = [known.index(mapped[row.label]) if row.label else UNKNOWN_LABEL for row in parsed.rows]
    return PhotoTable(
        _table_name(path),
        tuple(row.file for row in parsed.rows),
        np.array(labels, np.int64),
        known,
        _group_ids([row.group for row in parsed.rows]),
        parsed.has_groups,
        parsed.failures,
        parsed.warnings,
        tuple(_raw_label(row) for row in parsed.rows),
    )


def _raw_label(row: Row) -> str:
    """The row's subclass if it is one of its label, otherwise the label."""
    subclass, label = row.subclass.casefold(), row.label.casefold()
    return subclass if label and PARENT_CLASS.get(subclass) == label else row.label


def _table_name(path: Path) -> str:
    """The name of a folder or of a CSV; for ``labels.csv``, the name of its folder."""
    path = path.resolve()
    return path.parent.name if path.name == LABELS_CSV else path.stem if path.is_file() else path.name


def _map_labels(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> dict[str, str]:
    """Each label of the table as a class of the model or the parent of one."""
    known = accepted_labels(classes)
    mapped = {}
    for row in rows:
        if row.label and row.label.casefold() not in known:
            places = [one.location for one in rows if one.label == row.label]
            raise DataError(
                f"{path} has the label {row.label!r} ({', '.join(places[:3])}{', ...' * (len(places) > 3)}), "
                f"which is not a class of the model: {', '.join(classes)}. Leave the label empty if a photo shows none."
            )
        if row.label:
            mapped[row.label] = known[row.label.casefold()]
    return mapped


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
