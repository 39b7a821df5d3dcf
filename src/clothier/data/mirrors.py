"""Fetches files over HTTP with the standard library: a time limit on silence, a limit on size, nothing half."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.types import Progress

TIMEOUT = 20.0  # seconds without a byte
CHUNK_BYTES = 1 << 16  # bytes between two reports of progress
MAX_BYTES = 200 << 20  # bytes; the largest file of Fashion-MNIST has 26 million


def download(url: str, *, progress: Progress = no_progress, timeout: float = TIMEOUT) -> bytes:
    """The bytes at ``url``, all of them.

    Args:
        url: of the schemes that urllib knows; ours are constants with https.
        progress: told of bytes done and in total, if the server announces how many there will be.
        timeout: seconds without an answer or a byte, after which to give up.

    Raises:
        DataError: no connection, an answer other than 200, silence, or fewer or more bytes than announced.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - our own constants
            return _read_response(answer, url, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(f"{url} answered {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{url} cannot be fetched: {reason or type(error).__name__}.") from error


def _read_response(response: http.client.HTTPResponse, url: str, progress: Progress) -> bytes:
    announced = int(response.headers.get("Content-Length") or 0)
    content = bytearray()
    while chunk := response.read(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_BYTES:
            raise DataError(f"{url} sends more than {MAX_BYTES} bytes, far more than the file has.")
        if announced:
            progress(f"fetching {url.rpartition('/')[2]}", len(content), announced)
    if len(content) < announced:
        raise DataError(f"{url} ended after {len(content)} of {announced} bytes.")
    return bytes(content)
