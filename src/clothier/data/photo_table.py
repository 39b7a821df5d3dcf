"""Labelled photos: a CSV that names them, or a folder with a subfolder for each class."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.image_folder import class_folders, image_files
from clothier.data.photo_csv import Columns, ParsedRows, Row, read_rows
from clothier.data.photos import load_image
from clothier.errors import DataError, ImageError
from clothier.system import available_cores
from clothier.taxonomy import PARENT_CLASS
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import Images, InputSpec, Labels, Progress

__all__ = ["Columns", "PhotoTable", "load_photos", "read_photo_table"]

UNKNOWN_LABEL = -1  # the label of a photo that is none of the classes
LABELS_CSV = "labels.csv"  # a folder with this in it means it
DEFAULT_COLUMNS = Columns()
MAX_INT_DIGITS = 18  # of a whole number that fits into int64


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTable:
    """N photos with labels; the pictures themselves are still files.

    Attributes:
        name: what the table is called in answers.
        files: (N) paths, as they can be opened.
        labels: (N,) int64, places in ``classes``; -1 where the label is empty: outside the classes.
        classes: the K class names.
        groups: (N,) int64, who took the photo: photos of one group may share a background, a light, a garment. Where
            nothing is known of it every photo is a group of its own.
        has_groups: whether the groups come from the data.
        failures: photos that are named and missing or unreadable.
        warnings: what else a user should know, in sentences.
        raw_labels: (N) what the table calls each photo, by the finest word that it has; "" outside the classes.
    """

    name: str
    files: tuple[str, ...]
    labels: Labels
    classes: tuple[str, ...]
    groups: npt.NDArray[np.int64]
    has_groups: bool
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()
    raw_labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @property
    def class_counts(self) -> dict[str, int]:
        """How many photos each class has, in the order of the classes; those outside are not counted."""
        found = np.bincount(self.labels[self.labels != UNKNOWN_LABEL], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    def subset(self, indices: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> PhotoTable:
        """The photos in these rows: places, or a mask of (N,)."""
        places = np.flatnonzero(indices) if indices.dtype == bool else indices
        files = tuple(self.files[place] for place in places)
        words = tuple(self.raw_labels[place] for place in places) if self.raw_labels else ()
        return replace(self, files=files, labels=self.labels[places], groups=self.groups[places], raw_labels=words)


def is_photo_table(path: Path) -> bool:
    """Whether ``path`` is a file, or a folder with a ``labels.csv``: a table of photos in any case."""
    return path.is_file() or (path / LABELS_CSV).is_file()


def read_photo_table(
    path: Path, *, columns: Columns = DEFAULT_COLUMNS, classes: Sequence[str] | None = None
) -> PhotoTable:
    """Reads which photos there are and what they are labelled; no photo is opened.

    Args:
        path: a CSV (see :mod:`clothier.data.photo_csv`), a folder with ``labels.csv`` in it, or a folder with a
            subfolder of photos for each class.
        columns: the CSV's columns.
        classes: those of the model that the table is for. Labels are taken in these words, whatever their letter
            case; a finer word that the model lacks becomes the broader one, and where the table only knows a broader
            word, so do ``PhotoTable.classes``. Without it, the classes are the labels that occur, sorted.

    Raises:
        DataError: nothing there, not readable as a table, a column missing, or a label that is not among ``classes``.
    """
    if not _is_folder(path):
        return _build_table(path, read_rows(path, columns), classes)
    if (path / LABELS_CSV).is_file():
        return _build_table(path / LABELS_CSV, read_rows(path / LABELS_CSV, columns), classes)
    return _build_table(path, _parse_class_folders(path), classes)


def load_photos(
    table: PhotoTable, input_spec: InputSpec, *, progress: Progress = no_progress
) -> tuple[Images, PhotoTable]:
    """Decodes the photos on all cores.

    Returns:
        (M, *view.shape) uint8, the M that could be read; and the table of those, the others among its ``failures``.

    Raises:
        UnknownNameError: no such view.
    """
    images = np.empty((len(table), *input_spec.shape), np.uint8)
    failures: dict[int, FailedInput] = {}

    def load(row: int) -> None:
        try:
            images[row] = load_image(Path(table.files[row]), input_spec)
        except ImageError as error:
            failures[row] = FailedInput(table.files[row], error.code, str(error))

    with ThreadPoolExecutor(available_cores()) as pool:
        try:
            for done, _ in enumerate(pool.map(load, range(len(table))), 1):
                progress(f"reading the photos of {table.name}", done, len(table))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for thousands
            raise
    return _drop_failures(images, table, failures)


def _drop_failures(images: Images, table: PhotoTable, failures: dict[int, FailedInput]) -> tuple[Images, PhotoTable]:
    if not failures:
        return images, table
    whole = np.ones(len(table), bool)
    whole[list(failures)] = False
    named = tuple(failures[row] for row in sorted(failures))
    return images[whole], replace(table.subset(whole), failures=table.failures + named)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long: reading it as a CSV says so
        return False


def _build_table(path: Path, parsed: ParsedRows, classes: Sequence[str] | None) -> PhotoTable:
    names = sorted({row.label for row in parsed.rows} - {""})
    words = {name: name for name in names} if classes is None else _map_labels(path, parsed.rows, classes)
    known = tuple(names) if classes is None else _table_classes(words, classes)
    labels = [known.index(words[row.label]) if row.label else UNKNOWN_LABEL for row in parsed.rows]
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
    """The row's finer word, where that is one for its label; else its label."""
    finer, label = row.subclass.casefold(), row.label.casefold()
    return finer if label and PARENT_CLASS.get(finer) == label else row.label


def _table_name(path: Path) -> str:
    """A folder's name, or a CSV's; ``labels.csv`` says less than the folder that it lies in."""
    whole = path.resolve()
    return whole.parent.name if whole.name == LABELS_CSV else whole.stem if whole.is_file() else whole.name


def _parse_class_folders(folder: Path) -> ParsedRows:
    """Every file in a class folder; who took it is not known."""
    classes = class_folders(folder)
    if not classes:
        raise DataError(
            f"{folder} has neither {LABELS_CSV} nor a subfolder for each class; put the photos of each class in one."
        )
    rows = [
        Row(str(path), subfolder.name, "", f"in {subfolder.name}/")
        for subfolder in classes
        for path in image_files(subfolder)
    ]
    return ParsedRows(tuple(rows))


def _map_labels(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> dict[str, str]:
    """Each label of the table in the model's words: the same, a broader one, or one that the model has finer."""
    broad = {PARENT_CLASS[name] for name in classes if name in PARENT_CLASS}
    words = {name.casefold(): name for name in (*broad, *classes)}
    finer = {name: words[wide] for name, wide in PARENT_CLASS.items() if wide in words and name not in words}
    known = words | finer
    found = {row.label: known.get(row.label.casefold()) for row in rows if row.label}
    for label, word in found.items():
        if word is None:
            places = [row.location for row in rows if row.label == label]
            raise DataError(
                f"{path} has the label {label!r} ({', '.join(places[:3])}{', ...' if len(places) > 3 else ''}), which "
                f"the model does not know: {', '.join(classes)}. Leave it empty where a photo shows none of them."
            )
    return {label: word for label, word in found.items() if word is not None}


def _table_classes(label_map: dict[str, str], classes: Sequence[str]) -> tuple[str, ...]:
    """The model's classes, but a broader word for those that the table only knows by that."""
    used = set(label_map.values())
    return tuple(
        dict.fromkeys(
            PARENT_CLASS[name] if name not in used and PARENT_CLASS.get(name) in used else name for name in classes
        )
    )


def _group_ids(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """A number for each name: itself where all are whole numbers, else by the alphabet; a new one for each "".

    Folds depend on the order of the groups, and so whoever reads the column as numbers gets the same folds.
    """
    known = sorted(set(names) - {""})
    numbers = {name: number for number, name in enumerate(known)}
    if all(name.isascii() and name.isdecimal() and len(name) < MAX_INT_DIGITS for name in known):
        numbers = {name: int(name) for name in known}
    alone = itertools.count(max(numbers.values(), default=-1) + 1)
    return np.array([numbers[name] if name else next(alone) for name in names], np.int64)
