"""All photos below a folder."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from clothier.catalogue.sources.item import Item, fails, file_signature, readable
from clothier.data.class_folders import is_of_system, not_readable
from clothier.data.photos import read_file
from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

OTHER_SUFFIXES = frozenset(
    [
        ".csv",
        ".db",
        ".db-shm",
        ".db-wal",
        ".doc",
        ".docx",
        ".gz",
        ".htm",
        ".html",
        ".ini",
        ".json",
        ".jsonl",
        ".lock",
        ".log",
        ".md",
        ".parquet",
        ".py",
        ".sh",
        ".sqlite",
        ".store",
        ".store-shm",
        ".store-wal",
        ".toml",
        ".tsv",
        ".txt",
        ".xls",
        ".xlsx",
        ".xml",
        ".yaml",
        ".yml",
        ".zip",
    ]
)
"""Files with these suffixes are counted and left out. Everything else is tried: a failure is better than a gap."""


class FolderSource:
    """The files below a folder, sorted by path. Hidden files, and those that systems leave behind, are no photos."""

    columns: Mapping[str, type] = {}

    def __init__(self, path: Path, excluded: Collection[Path] = ()) -> None:
        """Lists nothing yet.

        Args:
            path: of the folder.
            excluded: files that are not photos, such as the output.
        """
        self._path, self._excluded = path, {one.absolute() for one in excluded}
        self.name = readable(str(path.resolve()))
        self.warnings: list[str] = []

    def __len__(self) -> int:
        """The number of files."""
        return sum(1 for _ in self._walk(self._path, set(), _Skipped()))

    def __iter__(self) -> Iterator[Item]:
        """The files, and folders that cannot be listed."""
        skipped = _Skipped()
        for path in self._walk(self._path, set(), skipped):
            yield self._item(path)
        self.warnings = skipped.warnings(self._path)

    def _item(self, path: Path) -> Item:
        file = readable(str(path.relative_to(self._path)))
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                next(path.iterdir(), None)  # raises what made it an item
        except OSError as error:
            failure = not_readable(path, error)
            return Item(file, file, fails(failure.code, readable(failure.message)))
        return Item(file, file, partial(read_file, path), file_signature(status))

    def _walk(self, folder: Path, seen: set[tuple[int, int]], skipped: _Skipped) -> Iterator[Path]:
        """Files in sorted order, links last. A folder that can be reached twice, by a link, is entered once."""
        try:
            status = folder.stat()
            with os.scandir(folder) as entries:
                names = sorted((one.is_symlink(), one.name) for one in entries)
        except OSError:
            yield folder
            return
        if (status.st_dev, status.st_ino) in seen:
            skipped.others["repeated links"] += 1
            return
        seen.add((status.st_dev, status.st_ino))
        for _, name in names:
            path = folder / name
            if is_of_system(name):
                skipped.others["hidden or system files and folders"] += 1
            elif path.is_dir():
                yield from self._walk(path, seen, skipped)
            elif path.suffix.lower() in OTHER_SUFFIXES:
                skipped.suffixes[path.suffix.lower()] += path.absolute() not in self._excluded
            elif path.absolute() not in self._excluded:
                yield path


@dataclass(slots=True)
class _Skipped:
    """What was not taken for photos: files by suffix, and others."""

    suffixes: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def warnings(self, folder: Path) -> list[str]:
        counts = [f"{n} {kind}" for found in (self.suffixes, self.others) for kind, n in sorted(found.items()) if n]
        return [f"{folder}: not taken for photos: {', '.join(counts)}."] if counts else []


def check_folder(path: Path) -> None:
    """Checks that a folder can be listed.

    Raises:
        DataError: it cannot.
    """
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise DataError(f"{path} cannot be listed: {error.strerror}. Check its permissions.") from error
