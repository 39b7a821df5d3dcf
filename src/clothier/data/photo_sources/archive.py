"""The photos in a ZIP file. Nothing is unpacked to disk, and each photo is bounded before it is read."""

from __future__ import annotations

import lzma
import os
import re
import zipfile
import zlib
from functools import cached_property, partial
from typing import TYPE_CHECKING

from clothier.data.class_folders import is_of_system
from clothier.data.photo_sources.archive_list import LIST, PRODUCT, PhotoList
from clothier.data.photo_sources.item import Item, Skipped, fails, readable
from clothier.data.photos.decode import MAX_BYTES
from clothier.errors import DataError, ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ENCRYPTED = 0x1  # bit of a ZIP entry's flags
OFFICE_FILE = "[Content_Types].xml"  # in every .xlsx and .docx, which are ZIP files too
MAX_DIRECTORY = 64 << 20  # bytes: some 700,000 files
END_BYTES, LARGE_BYTES, MAX_END = 22, 76, 22 + 65_535 + 76  # of the last records; the last one has a comment
DAMAGED_ENTRY = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError)
CLIMBS_OUT = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)")


def _directory_bytes(path: Path) -> int:
    """The size of the list of files, as the end of a ZIP file states it; 0 if it has none.

    ``zipfile`` reads as much at once, and its objects take ten times the space.
    """
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - MAX_END, 0))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + END_BYTES:
        return 0
    large = tail[max(end - LARGE_BYTES, 0) : end]  # two more records, if the file has more than 4 GiB or 65,535 entries
    if len(large) == LARGE_BYTES and large.startswith(b"PK\x06\x06"):
        return int.from_bytes(large[40:48], "little")
    return int.from_bytes(tail[end + 12 : end + 16], "little")


class ZipSource:
    """The files in a ZIP, in its order, or the rows of the ``items.csv`` in it, in theirs.

    Hidden files, and those that systems leave behind, are no photos.
    """

    def __init__(self, path: Path, *, shown: str | None = None) -> None:
        """Reads the list of files.

        Args:
            path: of the ZIP file.
            shown: what messages call it; None for its path.

        Raises:
            DataError: the file is damaged, unreadable, an Office document, or has too many files, or several or
                damaged lists.
        """
        shown = shown or str(path)
        try:
            if (size := _directory_bytes(path)) > MAX_DIRECTORY:
                raise DataError(f"{shown} has {size} bytes of names of files; the limit is {MAX_DIRECTORY}. Split it.")
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f"{shown} is a damaged ZIP file: {error}. Make it again.") from error
        except OSError as error:
            raise DataError(f"{shown} cannot be read: {error.strerror}. Check its permissions.") from error
        if OFFICE_FILE in self._zip.NameToInfo:
            raise DataError(f"{shown} is an Office document. Save its table as 'CSV UTF-8'.")
        self._shown = shown
        self.name = readable(str(path.resolve()))
        self.warnings: list[str] = []
        self._list_info = self._find_list()
        self._list = self._read_list(self._list_info) if self._list_info else None
        self.columns: Mapping[str, type] = {} if self._list is None else self._list.columns
        self.has_products = PRODUCT in self.columns

    def __len__(self) -> int:
        """The number of files, or of rows."""
        return sum(1 for _ in self._photos(Skipped())) if self._list is None else len(self._list)

    def __iter__(self) -> Iterator[Item]:
        """The files, or those that the rows name."""
        skipped = Skipped()
        photos = map(self._item, self._photos(skipped))
        yield from photos if self._list is None else self._list.items(photos)
        self.warnings = [*skipped.warnings(self._shown), *(() if self._list is None else self._list.warnings)]

    def _item(self, info: zipfile.ZipInfo) -> Item:
        file = readable(info.filename)
        read = self._refusal(info, file) or partial(self._read, info, file)
        return Item(file, file, read, f"{info.CRC:08x} {info.file_size}")

    def read(self, file: str) -> bytes:
        """The content of one photo, by the name that its item has.

        Raises:
            ImageError: it is not there, damaged, or refused as when the items are read.
        """
        info = self._by_name.get(file)
        if info is None:
            raise ImageError("not-found", f"{file} is not in {self._shown}.")
        return (self._refusal(info, file) or partial(self._read, info, file))()

    def _find_list(self) -> zipfile.ZipInfo | None:
        folders = [(one, one.filename.split("/")) for one in self._zip.infolist()]
        found = [one for one, parts in folders if parts[-1].lower() == LIST and not any(map(is_of_system, parts))]
        if len(found) > 1:
            raise DataError(f"{self._shown} has {len(found)} files {LIST}. Leave one in it, beside the photos.")
        return found[0] if found else None

    def _read_list(self, info: zipfile.ZipInfo) -> PhotoList:
        try:
            content = self._item(info).read()
        except ImageError as error:
            raise DataError(f"the list of photos in {self._shown} cannot be read: {error}") from error
        return PhotoList(content, self._shown, readable(info.filename[: -len(LIST)]))

    @cached_property
    def _by_name(self) -> dict[str, zipfile.ZipInfo]:
        return {readable(one.filename): one for one in self._photos(Skipped())}

    def _photos(self, skipped: Skipped) -> Iterator[zipfile.ZipInfo]:
        for info in self._zip.infolist():
            parts = [one for one in re.split(r"[/\\]", info.filename) if one not in ("", ".", "..")]
            if info.is_dir() or info is self._list_info:
                continue
            if any(map(is_of_system, parts)):
                skipped.count_system()
            elif not skipped.count_suffix(info.filename):
                yield info

    def _refusal(self, info: zipfile.ZipInfo, file: str) -> Callable[[], bytes] | None:
        """What is said of an entry without reading it."""
        if CLIMBS_OUT.match(info.filename):
            return fails("unsafe-path", f"{file} leads out of the ZIP file. It was not read.")
        if info.file_size > MAX_BYTES:
            return fails("too-large", f"{file} has {info.file_size} bytes; the limit is {MAX_BYTES}. Save it smaller.")
        if info.flag_bits & ENCRYPTED:
            return fails("not-readable", f"{file} is encrypted. Make the ZIP file without a password.")
        return None

    def _read(self, info: zipfile.ZipInfo, file: str) -> bytes:
        """Unpacks no more than the size that the entry states, whatever is in it."""
        try:
            with self._zip.open(info) as entry:
                content = entry.read(info.file_size)
        except NotImplementedError as error:
            raise ImageError("unsupported", f"{file}: {error}. Make the ZIP file again.") from error
        except DAMAGED_ENTRY as error:
            raise ImageError("truncated", f"{file} is damaged in the ZIP file ({error}). Make it again.") from error
        if not content:
            raise ImageError("empty", f"{file} is empty. Make the ZIP file again.")
        return content
