"""All photos below a folder."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING

from clothier.data.class_folders import is_of_system, not_readable
from clothier.data.photo_sources.item import Item, Skipped, fails, file_signature, readable
from clothier.data.photos import read_file
from clothier.errors import DataError
from clothier.paths import is_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path


class FolderSource:
    """The files below a folder, sorted by path. Hidden files, and those that systems leave behind, are no photos."""

    columns: Mapping[str, type] = {}
    has_products = False

    def __init__(self, path: Path, excluded: Collection[Path] = ()) -> None:
        """Lists nothing yet.

        Args:
            path: of the folder.
            excluded: files that are not photos, and folders without any, such as the output; links to them, too.
        """
        self.path, self._excluded = path, {os.path.realpath(one) for one in excluded}
        self._excluded_names = {os.path.basename(one) for one in self._excluded}  # noqa: PTH119
        self.name = readable(str(path.resolve()))
        self.warnings: list[str] = []

    def __len__(self) -> int:
        """The number of files."""
        return sum(1 for _ in self._walk(self.path, set(), Skipped()))

    def __iter__(self) -> Iterator[Item]:
        """The files, and folders that cannot be listed."""
        skipped = Skipped()
        for path in self._walk(self.path, set(), skipped):
            yield self._item(path)
        self.warnings = skipped.warnings(self.path)

    def _item(self, path: Path) -> Item:
        file = readable(str(path.relative_to(self.path)))
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                next(path.iterdir(), None)  # raises what made it an item
        except OSError as error:
            failure = not_readable(path, error)
            return Item(file, file, fails(failure.code, readable(failure.message)))
        return Item(file, file, partial(read_file, path), file_signature(status), path=path)

    def _walk(self, folder: Path, seen: set[tuple[int, int]], skipped: Skipped) -> Iterator[Path]:
        """Files in sorted order, links last. A folder that can be reached twice, by a link, is entered once."""
        try:
            status = folder.stat()
            with os.scandir(folder) as entries:
                is_link = {one.name: one.is_symlink() for one in entries}
        except OSError:
            yield folder
            return
        if (status.st_dev, status.st_ino) in seen:
            skipped.count_link()
            return
        seen.add((status.st_dev, status.st_ino))
        for name in sorted(is_link, key=lambda one: (is_link[one], one)):
            path = folder / name
            if is_of_system(name):
                skipped.count_system()
            elif self._is_excluded(path, is_link=is_link[name]):
                continue
            elif is_folder(path):
                yield from self._walk(path, seen, skipped)
            elif not skipped.count_suffix(name):
                yield path

    def _is_excluded(self, path: Path, *, is_link: bool) -> bool:
        """Compares real paths. Most need not be found out: that of a file that is not a link ends with its name."""
        if not is_link and path.name not in self._excluded_names:
            return False
        return os.path.realpath(path) in self._excluded


def check_folder(path: Path) -> None:
    """Checks that a folder can be listed.

    Raises:
        DataError: it cannot.
    """
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise DataError(f"{path} cannot be listed: {error.strerror}. Check its permissions.") from error
