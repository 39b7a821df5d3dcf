"""Files that are made for one answer: nothing of them stays on the disk, however the request or the server ends.

A file of a large catalogue takes minutes, so files are made in a few threads of their own. In those of other requests,
a few downloads would keep everybody from reviewing.
"""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import anyio.to_thread
from fastapi.responses import StreamingResponse

from clothier.api.problems import busy
from clothier.system import available_cores
from clothier.temporary import temporary_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

T = TypeVar("T")
CHUNK = 1 << 18  # bytes that are sent at a time
MAX_AT_ONCE = min(2, available_cores())  # the store keeps a connection for each core more than for other requests
MAX_WAITING = 16
RETRY_SECONDS = 60
TOO_MANY = "Too many downloads are waiting. Send the request again later."


class DownloadThreads:
    """The threads that make files. Requests for more wait, without a thread."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._limiter = anyio.CapacityLimiter(MAX_AT_ONCE)

    async def run(self, make: Callable[[], T]) -> T:
        """What ``make`` returns, when it is its turn.

        Raises:
            Problem: too many wait.
        """
        if self._limiter.statistics().tasks_waiting >= MAX_WAITING:
            raise busy(TOO_MANY, RETRY_SECONDS)
        return await anyio.to_thread.run_sync(make, limiter=self._limiter)


class _FileResponse(StreamingResponse):
    """Sends a file that has no name any more, and closes it, which frees its space, also if the client is gone."""

    def __init__(self, file: BinaryIO, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(_chunks(file), media_type=media_type, headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        with self._file:
            await super().__call__(scope, receive, send)


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
    return _FileResponse(file, media_type, {**more, **(headers or {})})


def zip_label_studio(path: Path, export: Callable[[Path], T]) -> T:
    """Makes a ZIP file of the tasks for Label Studio, which ``export`` writes to a path, and their configuration."""
    tasks = path.with_name("tasks.json")
    result = export(tasks)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tasks, tasks.name)
        archive.write(tasks.with_suffix(".xml"), "labeling_config.xml")
    return result


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")
