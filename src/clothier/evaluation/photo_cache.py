"""The photos of a table, decoded once for each input that the evaluated models take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photo_loading import load_photos
from clothier.data.photo_table import PhotoTable, read_photo_table
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from clothier.data.photo_table import Columns
    from clothier.types import Images, InputSpec, Progress


class PhotoCache:
    """The photos of a table, decoded once for each ``InputSpec``; ``table`` has the classes of its own labels."""

    def __init__(
        self,
        path: Path,
        columns: Columns,
        progress: Progress = no_progress,
        codes: Mapping[str, str] | None = None,
    ) -> None:
        """Reads the table and reports its warnings to ``progress``. Photos are decoded when they are needed.

        ``codes`` are those of :func:`~clothier.data.photo_table.read_photo_table`.

        Raises:
            DataError: the table cannot be read.
        """
        self.path, self.columns, self.codes, self._progress = path, columns, codes, progress
        self.table = read_photo_table(path, columns=columns, split="test", codes=codes)
        self._cache: dict[InputSpec, tuple[Images, PhotoTable]] = {}
        self._reported: set[str] = set()
        self.report(self.table.warnings)

    def report(self, warnings: Iterable[str]) -> None:
        """Reports warnings to ``progress``, each once."""
        for warning in warnings:
            if warning not in self._reported:
                self._reported.add(warning)
                self._progress("evaluate", 0, 0, warning)

    def load(self, input_spec: InputSpec, subset: PhotoTable) -> tuple[Images, PhotoTable]:
        """The readable photos of ``subset``, whose files are among the table's, as ``input_spec``; and their table.

        Its warnings are reported.
        """
        if input_spec not in self._cache:
            self._cache[input_spec] = load_photos(self.table, input_spec, progress=self._progress)
        images, readable = self._cache[input_spec]
        index = {file: row for row, file in enumerate(readable.files)}
        mask = np.array([file in index for file in subset.files], bool)
        rows = [index[file] for file in subset.files if file in index]
        failures = dict.fromkeys((*readable.failures, *subset.failures))
        warnings = dict.fromkeys((*subset.warnings, *readable.warnings))
        self.report(warnings)
        return images[rows], replace(subset.subset(mask), failures=tuple(failures), warnings=tuple(warnings))
