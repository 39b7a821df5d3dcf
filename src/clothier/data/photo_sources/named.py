"""Photos by name, folders and tables, one after the other: what ``clothier predict`` takes."""

from __future__ import annotations

import os.path
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.data.photo_sources.folder import FolderSource
from clothier.data.photo_sources.item import Item, readable
from clothier.data.photo_sources.open_source import DEFAULT_COLUMNS, check_has_no_columns, open_source
from clothier.data.photos import read_file
from clothier.data.photos.decode import TABLES
from clothier.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from clothier.data.photo_sources.item import Source, SourceColumns


class NamedSource:
    """Photos, and the photos of folders, ZIP files and tables, in the order in which they were named."""

    def __init__(
        self,
        names: Sequence[str | Path],
        columns: SourceColumns = DEFAULT_COLUMNS,
        excluded: Collection[Path] = (),
    ) -> None:
        """Opens folders and tables.

        Args:
            names: folders, files that end in .csv, .parquet or .zip, and photos.
            columns: of a table.
            excluded: files and folders in a folder that are not photos.

        Raises:
            UsageError: two tables, or columns of something that is no table.
            DataError: a folder or a table cannot be read, or lacks a column.
        """
        self._parts = [_open(name, columns, excluded) for name in names]
        tables = [one for one in self._parts if not isinstance(one, Item) and one.columns]
        if len(tables) > 1:
            raise UsageError(f"got {len(tables)} tables of photos: {tables[0].name}, {tables[1].name}. Give one.")
        self.columns: Mapping[str, type] = tables[0].columns if tables else {}
        self.name = ", ".join(map(str, names))

    @property
    def warnings(self) -> list[str]:
        """As :class:`Source` says."""
        return [text for one in self._parts if not isinstance(one, Item) for text in one.warnings]

    def __len__(self) -> int:
        """The number of photos."""
        return sum(1 if isinstance(one, Item) else len(one) for one in self._parts)

    def __iter__(self) -> Iterator[Item]:
        """The photos; those of a folder have its name in front of theirs, as a shell would list them."""
        for part in self._parts:
            if isinstance(part, Item):
                yield part
            elif isinstance(part, FolderSource):
                yield from (replace(one, file=str(Path(readable(str(part.path))) / one.file)) for one in part)
            else:
                yield from part


def _open(name: str | Path, columns: SourceColumns, excluded: Collection[Path]) -> Source | Item:
    path = Path(name)
    if name and (os.path.isdir(name) or (path.suffix.lower() in TABLES and os.path.isfile(name))):  # noqa: PTH112, PTH113 - these raise nothing
        return open_source(path, columns, excluded)
    check_has_no_columns(path, columns)
    return Item(str(name), str(name), partial(read_file, path) if name else bytes)  # the model names an empty name
