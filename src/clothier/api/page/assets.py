"""Files for the browser. Their address names their content, so that a browser keeps them and never has old ones."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from clothier.api.page.compression import VARY, set_gzipped, takes_gzip
from clothier.api.responses import not_found

FOLDER = files("clothier.api.page").joinpath("static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": VARY}
A_DAY = {"Cache-Control": "public, max-age=86400"}
ICON = "favicon.ico"


def _read() -> dict[str, bytes]:
    """All files, by name."""
    found = [*FOLDER.iterdir(), *FOLDER.joinpath("vendor").iterdir()]
    return {one.name: one.read_bytes() for one in sorted(found, key=lambda one: one.name) if _suffix(one.name) in TYPES}


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


ASSETS = _read()
DIGEST = hashlib.sha256(b"".join(f"{name}\0".encode() + content for name, content in ASSETS.items())).hexdigest()[:16]

router = APIRouter(include_in_schema=False)


def asset(name: str) -> str:
    """The address of a file.

    Raises:
        KeyError: there is no such file.
    """
    if name not in ASSETS:
        raise KeyError(name)
    return f"/static/{DIGEST}/{name}"


@router.get("/static/{digest}/{name}")
def get_asset(
    request: Request, digest: Annotated[str, Path(max_length=64)], name: Annotated[str, Path(max_length=100)]
) -> Response:
    """A file, from memory: no name of a client reaches the disk. It needs no key, as it says nothing."""
    if digest != DIGEST or name not in ASSETS:
        raise not_found("file", name)
    response = Response(ASSETS[name], media_type=TYPES[_suffix(name)], headers=FOREVER)
    if takes_gzip(request) and _suffix(name) != ".ico":
        set_gzipped(response, _gzipped(name))
    return response


@router.get(f"/{ICON}")
def get_icon() -> Response:
    """What a browser asks for where a page names no icon, such as beside a report or a JSON answer."""
    return Response(ASSETS[ICON], media_type=TYPES[_suffix(ICON)], headers=A_DAY)


@cache
def _gzipped(name: str) -> bytes:
    return gzip.compress(ASSETS[name], 9, mtime=0)
