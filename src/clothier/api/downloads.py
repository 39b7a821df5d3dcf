"""Files that are made for one answer: nothing of them stays on the disk, however the request or the server ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from fastapi.responses import StreamingResponse

from clothier.temporary import temporary_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CHUNK = 1 << 18  # bytes that are sent at a time


def download(
    name: str, media_type: str, write: Callable[[Path], object], headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Sends a file that is removed from the disk before the first byte leaves.

    It has no ranges: the next request would get a part of another file.

    Args:
        name: of the file for the client.
        media_type: of its content.
        write: writes it to a path of this name.
        headers: further ones; read when the file is written.

    Raises:
        StorageError: there is no place for it.
    """
    with temporary_dir("clothier-download-") as folder:
        write(folder / name)
        file = (folder / name).open("rb")
    more = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    more["Content-Disposition"] = f'attachment; filename="{name}"'
    return StreamingResponse(_chunks(file), media_type=media_type, headers={**more, **(headers or {})})


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(CHUNK), b"")
