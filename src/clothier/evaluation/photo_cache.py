"""The photos of a table as the models of one evaluation see them: each view of them is decoded once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photo_table import PhotoTable, load_photos, read_photo_table
from clothier.types import silent

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.photo_table import Columns
    from clothier.types import Images, Progress, View


class Photos:
    """The photos of a table, each view of them decoded once.

    Attributes:
        table: in the table's own words.
        path: where it stands.
        columns: of a CSV.
    """

    def __init__(self, path: Path, columns: Columns, progress: Progress = silent) -> None:
        """Reads the table and tells ``progress`` of what is odd in it; photos are opened when they are asked for.

        Raises:
            DataError: the table cannot be read.
        """
        self.path, self.columns, self._progress = path, columns, progress
        self.table = read_photo_table(path, columns=columns)
        self._views: dict[View, tuple[Images, PhotoTable]] = {}
        for note in self.table.notes:
            progress("evaluate", 0, 0, note)

    def seen(self, view: View, asked: PhotoTable) -> tuple[Images, PhotoTable]:
        """The readable photos of ``asked``, whose files are among the table's, in a view; and the table of those."""
        if view not in self._views:
            self._views[view] = load_photos(self.table, view, progress=self._progress)
        images, readable = self._views[view]
        place = {file: row for row, file in enumerate(readable.files)}
        kept = np.array([file in place for file in asked.files], bool)
        rows = [place[file] for file in asked.files if file in place]
        return images[rows], replace(asked.take(kept), failures=readable.failures)
