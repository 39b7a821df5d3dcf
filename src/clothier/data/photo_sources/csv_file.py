"""The photos that a CSV lists; its other columns are carried along."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from clothier.data.photo_csv import missing_file, read_cells
from clothier.data.photo_paths import PhotoFinder
from clothier.data.photo_sources.item import Item, fails, file_signature, readable
from clothier.data.photos import read_file
from clothier.errors import DataError
from clothier.untrusted import repeated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clothier.data.photo_sources.item import SourceColumns


class CsvSource:
    """The rows of a CSV, in its order; read line by line."""

    def __init__(self, path: Path, columns: SourceColumns) -> None:
        """Reads the header.

        Raises:
            DataError: the CSV is missing or unreadable, has no header, or lacks a column.
        """
        self._path, self._special = path, columns
        _, header = next(read_cells(path, columns.file), (0, []))
        self._header = [name.strip() for name in header]
        check_columns(path, self._header, columns)
        self.name = readable(str(path.resolve()))
        self.columns: Mapping[str, type] = dict.fromkeys(own_columns(self._header, columns), str)
        self.has_products = columns.product is not None
        self.warnings: list[str] = []

    def __len__(self) -> int:
        """The number of rows."""
        return sum(1 for _ in read_cells(self._path, self._special.file)) - 1

    def __iter__(self) -> Iterator[Item]:
        """The photos of the rows."""
        finder = PhotoFinder(self._path.parent)
        rows = read_cells(self._path, self._special.file)
        next(rows)
        for line, cells in rows:
            row = dict(zip(self._header, map(readable, cells), strict=False))
            own = {name: row.get(name, "") for name in self.columns}
            yield table_item(self._path, self._special, finder, row, own, f"line {line}")
        self.warnings = finder.warnings(self._path)


def table_item(
    path: Path,
    special: SourceColumns,
    finder: PhotoFinder,
    row: Mapping[str, str],
    columns: Mapping[str, object],
    location: str,
) -> Item:
    """The item of a row of the table at ``path``: the file that it names."""
    names = (special.file, special.item_id, special.product)
    file, item_id, product = (row.get(name or "", "").strip() for name in names)
    found, signature, own_file = finder.find(file), "", None
    if len(found) != 1:
        failure = missing_file(path, file, location, found)
        read = fails(failure.code, failure.message)
    elif special.item_id and not item_id:
        read = fails("no-id", f"{location} of {path} has no {special.item_id!r}. Give each photo its own.")
    else:
        own_file = found[0]
        read, signature = partial(read_file, own_file), _signature(own_file)
    key = (item_id if special.item_id else file) or f"{location} of {path}"
    return Item(key, file, read, signature, item_id, product, columns, location, path=own_file)


def check_columns(path: Path, header: Sequence[str], columns: SourceColumns) -> None:
    """Checks that a table has the columns that were named, each once.

    Raises:
        DataError: one is missing or there twice.
    """
    for option, name in (("file", columns.file), ("id", columns.item_id), ("product", columns.product)):
        if name is not None and name not in header:
            found = ", ".join(header[:10]) + ", ..." * (len(header) > 10)
            raise DataError(
                f"{path} has no column {name!r}, only {found or 'an empty header'}. Name it with --{option}-column."
            )
    if twice := sorted(filter(None, repeated(header))):
        raise DataError(f"{path} has the column {twice[0]!r} twice. Rename one.")


def own_columns(header: Sequence[str], columns: SourceColumns) -> list[str]:
    """The user's columns that are carried along: all but file and id."""
    return [name for name in header if name and name not in (columns.file, columns.item_id)]


def _signature(path: Path) -> str:
    try:
        return file_signature(path.stat())
    except OSError:  # it vanished; reading it will tell
        return ""
