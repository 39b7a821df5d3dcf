"""The photos of a store's items, for pages: only from folders that the server was told to show.

A client names an item, never a file. Source and name of its files are in the store, but a table may name any file of
the machine. So a file is read only if it is in one of the folders after all links are resolved, and its content is
shown only if it is the one that was tagged.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import select

from clothier.data.photo_paths import PhotoFinder
from clothier.data.photo_sources.archive import ZipSource
from clothier.data.photo_sources.item import file_signature
from clothier.data.photos import read_file
from clothier.errors import DataError, ImageError
from clothier.paths import is_file, is_folder
from clothier.store.jobs import JOB_SOURCE
from clothier.store.schema import FILES, ITEMS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.store import Store

MAX_FILES = 20  # of an item that are tried
MAX_ARCHIVES = 4  # ZIP files whose list of files is kept

NO_ITEM = "there is no such item."
UPLOADED = "the photo was uploaded, and no preview was kept. Upload it where previews are kept, or tag its folder."
NOT_SHOWN = "the server may not show this photo. Start it with --photos and the folder or ZIP file that was tagged."
GONE = "the photo is not in its folder any more."
CHANGED = "the file has another content than the photo that was tagged. Tag its folder again."


@dataclass(frozen=True, slots=True)
class PhotoRequest:
    """An item and where its photo was found.

    Attributes:
        digest: SHA-256 of the photo that was tagged.
        places: source and file, the latest first.
    """

    digest: str
    places: Sequence[tuple[str, str]]


class PhotoFiles:
    """Reads the photos of items from these folders and ZIP files, and from no others."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Checks that they exist.

        Raises:
            DataError: one does not.
        """
        for one in folders:
            if not one.exists():
                raise DataError(f"--photos {one} does not exist. Give the folder or ZIP file that was tagged.")
        self._roots = [one.resolve() for one in folders]
        self._archives: OrderedDict[tuple[str, str], ZipSource] = OrderedDict()
        self._lock = Lock()

    def read(self, request: PhotoRequest) -> bytes:
        """The content of the photo that was tagged.

        Raises:
            ImageError: there is none; the message is for people, and names no path.
        """
        reason = GONE
        for source, file in request.places:
            if source.startswith(JOB_SOURCE):
                reason = UPLOADED
                continue
            try:
                content = self._read(Path(source), file)
            except ImageError as error:
                reason = str(error) if error.code == "not-shown" else GONE
                continue
            if hashlib.sha256(content).hexdigest() == request.digest:
                return content
            reason = CHANGED
        raise ImageError("not-found", reason)

    def _read(self, source: Path, file: str) -> bytes:
        if self._may_show(source) and is_file(source) and zipfile.is_zipfile(source):
            return self._archive(source).read(file)
        path = locate(source, file)
        if not self._may_show(path or source):
            raise ImageError("not-shown", NOT_SHOWN)
        if path is None:
            raise ImageError("not-found", GONE)
        return read_file(path)

    def _may_show(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a NUL
            return False
        return any(real.is_relative_to(one) for one in self._roots)

    def _archive(self, path: Path) -> ZipSource:
        """The ZIP file, with its list of files, which is read again when the file has changed."""
        try:
            key = str(path), file_signature(path.stat())
            with self._lock:
                if key not in self._archives:
                    self._archives[key] = ZipSource(path)
                    if len(self._archives) > MAX_ARCHIVES:
                        self._archives.popitem(last=False)
                self._archives.move_to_end(key)
                return self._archives[key]
        except (OSError, DataError) as error:
            raise ImageError("not-found", GONE) from error


def locate(source: Path, file: str) -> Path | None:
    """The file of a folder, or of a table, which may spell it otherwise; None if a table has no such file."""
    if is_folder(source):
        return source / file
    found = PhotoFinder(source.parent).find(file) if is_file(source) else []
    return found[0] if len(found) == 1 else None


def find_photo(store: Store, item_id: str) -> PhotoRequest | None:
    """Where the photo of an item was found; None if there is no such item."""
    digests = store.rows_of(select(ITEMS.c.digest).where(ITEMS.c.item_id == item_id))
    if not digests:
        return None
    places = (
        select(SOURCES.c.name, FILES.c.file)
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .where(FILES.c.item_id == item_id, FILES.c.error_code.is_(None))
        .order_by(FILES.c.run_id.desc(), FILES.c.position)
        .limit(MAX_FILES)
    )
    return PhotoRequest(digests[0]["digest"], [(one["name"], one["file"]) for one in store.rows_of(places)])
