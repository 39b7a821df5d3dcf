"""HTTP downloads with the standard library: with a timeout, a size limit, and no partial files."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.types import Progress

TIMEOUT = 20.0  # seconds without data
CHUNK_BYTES = 1 << 16  # between two calls of the progress
MAX_BYTES = 200 << 20  # the largest file of Fashion-MNIST has 26 million bytes


def download(url: str, *, progress: Progress = no_progress, timeout: float = TIMEOUT) -> bytes:
    """The content at ``url``, complete; ``timeout``: seconds without a response or data.

    Raises:
        DataError: no connection, an HTTP error, a timeout, or fewer or more bytes than announced.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:  # noqa: S310 - our own constants
            return _read_response(response, url, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(f"{url} returned {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{url} cannot be downloaded: {reason or type(error).__name__}.") from error


def _read_response(response: http.client.HTTPResponse, url: str, progress: Progress) -> bytes:
    length = response.headers.get("Content-Length") or ""
    expected = int(length) if length.isdecimal() else 0
    content = bytearray()
    while chunk := response.read(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_BYTES:
            raise DataError(f"{url} sends more than {MAX_BYTES} bytes, far more than expected.")
        if expected:
            progress(f"downloading {url.rpartition('/')[2]}", len(content), expected)
    if len(content) < expected:
        raise DataError(f"{url} ended after {len(content)} of {expected} bytes.")
    return bytes(content)
