"""Reports and maps as they are on disk, which bring their own scripts, in a sandbox of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastapi.responses import FileResponse

from clothier.api.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)
"""A browser gives such a page no origin: its scripts see neither cookies nor other pages, and can send nothing."""


def report_response(path: Path) -> FileResponse:
    """A page that Clothier made.

    Raises:
        Problem: this server may not read it.
    """
    _check_readable(path)
    return FileResponse(path, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": SANDBOX})


def table_response(path: Path) -> FileResponse:
    """A CSV that a page links, to be saved.

    Raises:
        Problem: this server may not read it.
    """
    _check_readable(path)
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=path.name)


def _check_readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise Problem(403, "not-readable", "The server may not read this file. It needs other permissions.")
