"""Reports and maps as they are on disk, which bring their own scripts, in a sandbox of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import FileResponse

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)
"""A browser gives such a page no origin: its scripts see neither cookies nor other pages, and can send nothing."""


def report_response(path: Path) -> FileResponse:
    """A page that Clothier made."""
    return FileResponse(path, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": SANDBOX})
