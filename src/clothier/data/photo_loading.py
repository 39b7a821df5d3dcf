"""Reads the photos of a table on all cores. Those that cannot be read become failures of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.fingerprints import Fingerprints
from clothier.data.photos import decode_for, preprocess, read_file
from clothier.errors import DataError, ImageError
from clothier.system import parallel_map
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clothier.data.photo_table import PhotoTable
    from clothier.types import Images, InputSpec, Int64Array, Progress

Notes = tuple[str, ...]  # sentences on what was ignored or missing in a file


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

    def load(row: int, path: Path) -> Notes:
        image, notes = decode_for(path, input_spec)
        images[row] = preprocess(image, input_spec)
        return notes

    readable, table = read_photos(table, load, progress)
    return images if len(readable) == len(images) else images[readable], table


def load_with_fingerprints(
    table: PhotoTable, *input_specs: InputSpec, progress: Progress = no_progress
) -> tuple[list[Images], Fingerprints, PhotoTable]:
    """As :func:`load_photos`, with fingerprints. Each photo is decoded for each spec, as it will be for a prediction.

    Returns:
        The photos for each spec, (M, *spec.shape) uint8; the fingerprints of the M readable photos, decoded for the
        first spec; and their table.
    """
    images = [np.empty((len(table), *spec.shape), np.uint8) for spec in input_specs]
    fingerprints = Fingerprints.empty(len(table))

    def load(row: int, path: Path) -> Notes:
        content = read_file(path)
        decoded = [decode_for(path, spec, content) for spec in input_specs]
        for array, spec, (image, _) in zip(images, input_specs, decoded, strict=True):
            array[row] = preprocess(image, spec)
        first, notes = decoded[0]
        fingerprints.set(row, first)
        return notes

    readable, table = read_photos(table, load, progress)
    if len(readable) < len(fingerprints.digests):
        images, fingerprints = [array[readable] for array in images], fingerprints.subset(readable)
    return images, fingerprints, table


def read_photos(
    table: PhotoTable, read: Callable[[int, Path], Notes], progress: Progress = no_progress
) -> tuple[Int64Array, PhotoTable]:
    """Calls ``read`` with the row and the path of each photo, on all cores. It returns notes on the file.

    Returns:
        The rows of the readable photos, those for which ``read`` raises no ImageError; and their table, with the
        others in ``failures``, and one sentence for each kind of note in ``warnings``.

    Raises:
        DataError: no photo is readable.
    """

    def try_read(row: int) -> FailedInput | Notes:
        try:
            return read(row, Path(table.files[row]))
        except ImageError as error:
            return FailedInput(table.files[row], error.code, str(error))

    task = f"reading the photos of {table.name}"
    found = parallel_map(try_read, range(len(table)), lambda done: progress(task, done, len(table)))
    rows = np.array([row for row, one in enumerate(found) if not isinstance(one, FailedInput)], np.int64)
    failures = tuple(one for one in found if isinstance(one, FailedInput))
    if failures and not len(rows):
        raise DataError(
            f"none of the {len(table)} photos of {table.name} can be read. The first: {failures[0].message}"
        )
    warnings = (*table.warnings, *_note_warnings(table.files, found))
    return rows, replace(table.subset(rows), failures=table.failures + failures, warnings=warnings)


def _note_warnings(files: Sequence[str], found: Sequence[FailedInput | Notes]) -> Iterator[str]:
    """How many files have each note, and the first of them."""
    noted: dict[str, list[str]] = {}
    for file, notes in zip(files, found, strict=True):
        if not isinstance(notes, FailedInput):
            for note in notes:
                noted.setdefault(note, []).append(file)
    for note, those in noted.items():
        yield f"{len(those):,} of {len(files):,} photos, the first {those[0]}: {note}"
