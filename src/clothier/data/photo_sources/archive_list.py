"""The list of a ZIP file's photos: a CSV in it, with their ids, products and other columns."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from clothier.data.photo_csv import parse_cells
from clothier.data.photo_paths import IMAGES_DIR
from clothier.data.photo_sources.csv_file import own_columns
from clothier.data.photo_sources.item import DEFAULT_FILE_COLUMN, Item, SourceColumns, fails, readable
from clothier.errors import DataError
from clothier.taxonomy import label_key
from clothier.untrusted import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

LIST = "items.csv"
FILE, ITEM_ID, PRODUCT = DEFAULT_FILE_COLUMN, "item_id", "product"
MAX_SHOWN = 10  # columns in an error
MAX_ROWS = 1_000_000  # a small ZIP file can have many more


class PhotoList:
    """The rows of the list, in its order."""

    def __init__(self, content: bytes, shown: str, folder: str) -> None:
        """Reads the header.

        Args:
            content: of the CSV.
            shown: what messages call the ZIP file.
            folder: of the list in the ZIP file, with a slash at its end, or "".

        Raises:
            DataError: it is not a CSV in UTF-8, has no column ``file`` or one twice, or too many rows.
        """
        self._shown, self._table, self._folder = shown, f"{LIST} in {shown}", folder
        self._content = content
        try:
            content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._table} is not in UTF-8: byte {error.start} is invalid. Save it as 'CSV UTF-8'."
            ) from error
        _, header = next(self._lines(), (0, []))
        self._header = [readable(name.strip()) for name in header]
        if FILE not in self._header:
            found = ", ".join(self._header[:MAX_SHOWN]) or "an empty header"
            raise DataError(f"{self._table} has no column {FILE!r} with the names of the photos, only {found}. Add it.")
        if twice := sorted(filter(None, repeated(self._header))):
            raise DataError(f"{self._table} has the column {twice[0]!r} twice. Rename one.")
        self._n = sum(1 for _ in itertools.islice(self._lines(), MAX_ROWS + 2)) - 1
        if self._n > MAX_ROWS:
            raise DataError(f"{self._table} has more than {MAX_ROWS} rows. Split the ZIP file.")
        self._has_ids = ITEM_ID in self._header
        own = own_columns(self._header, SourceColumns(FILE, ITEM_ID, PRODUCT))
        self.columns: Mapping[str, type] = dict.fromkeys(own, str)
        self.warnings: list[str] = []

    def __len__(self) -> int:
        """The number of rows."""
        return self._n

    def items(self, photos: Iterable[Item]) -> Iterator[Item]:
        """The items of the rows, of the ``photos`` in the ZIP file. A warning counts those that no row names."""
        by_name = {one.file: one for one in photos}
        finder, named = _Finder(by_name, self._folder), set[str]()
        lines = self._lines()
        next(lines)
        for line, cells in lines:
            row = dict(zip(self._header, map(readable, cells), strict=False))
            found = finder.find(row.get(FILE, "").strip())
            named.update(found)
            yield self._item(f"line {line} of {LIST}", row, [by_name[one] for one in found])
        if n := len(by_name) - len(named):
            self.warnings = [f"{self._shown}: {LIST} does not name {n} of the photos, so they are not tagged."]

    def _item(self, location: str, row: Mapping[str, str], found: list[Item]) -> Item:
        file, item_id, product = (row.get(name, "").strip() for name in (FILE, ITEM_ID, PRODUCT))
        item = found[0] if found else Item("", file or location, _not_found(file, location, self._shown))
        if len(found) > 1:
            message = f"{file} ({location}) is ambiguous: it may be {found[0].file} or {found[1].file}."
            item = replace(item, read=fails("not-found", message))
        elif self._has_ids and not item_id:
            item = replace(item, read=fails("no-id", f"{location} has no {ITEM_ID!r}. Give each photo its own."))
        key = (item_id if self._has_ids else item.file) or location
        own = {name: row.get(name, "") for name in self.columns}
        return replace(item, key=key, item_id=item_id, product=product, columns=own, location=location)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        text = io.TextIOWrapper(io.BytesIO(self._content), "utf-8-sig", newline="")
        return parse_cells(text, self._table, FILE)


class _Finder:
    """Finds files in the folder of the list, or in ``images/`` there, also by another spelling."""

    def __init__(self, names: Iterable[str], folder: str) -> None:
        self._names: dict[str, list[str]] = {}
        for name in names:
            self._names.setdefault(_spelling(name), []).append(name)
        self._folders = (folder, f"{folder}{IMAGES_DIR}/")

    def find(self, file: str) -> list[str]:
        """The name in the ZIP file; none if there is none, several if only their spelling differs."""
        for path in (f"{folder}{file}" for folder in self._folders if file):
            if found := self._names.get(_spelling(path), []):
                return [path] if path in found else found
        return []


def _spelling(name: str) -> str:
    """What is compared: letter case, Unicode form and the kind of slashes are ignored."""
    return label_key(name.replace("\\", "/"))


def _not_found(file: str, location: str, shown: str) -> Callable[[], bytes]:
    message = f"{file} ({location}) is not in {shown}. Check its name." if file else f"{location} names no file."
    return fails("not-found", message)
