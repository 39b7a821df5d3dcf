"""The photos of a table as the models of one evaluation see them: each view of them is decoded once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photo_table import PhotoTable, load_photos, read_photo_table
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.photo_table import Columns
    from clothier.types import Images, InputSpec, Progress


class PhotoCache:
    """The photos of a table, each view of them decoded once.

    Attributes:
        table: in the table's own words.
        path: where it stands.
        columns: of a CSV.
    """

    def __init__(self, path: Path, columns: Columns, progress: Progress = no_progress) -> None:
        """Reads the table and tells ``progress`` of what is odd in it; photos are opened when they are asked for.

        Raises:
            DataError: the table cannot be read.
        """
        self.path, self.columns, self._progress = path, columns, progress
        self.table = read_photo_table(path, columns=columns)
        self._cache: dict[InputSpec, tuple[Images, PhotoTable]] = {}
        for note in self.table.warnings:
            progress("evaluate", 0, 0, note)

    def load_view(self, input_spec: InputSpec, subset: PhotoTable) -> tuple[Images, PhotoTable]:
        """The readable photos of ``subset``, whose files are among the table's, in a view; and the table of those."""
        if input_spec not in self._cache:
            self._cache[input_spec] = load_photos(self.table, input_spec, progress=self._progress)
        images, readable = self._cache[input_spec]
        place = {file: row for row, file in enumerate(readable.files)}
        kept = np.array([file in place for file in subset.files], bool)
        rows = [place[file] for file in subset.files if file in place]
        return images[rows], replace(subset.subset(kept), failures=readable.failures)
