"""``/photos``: the photos of items, made small. A client names an item and one of two sizes, nothing else."""

from __future__ import annotations

import pathlib
import textwrap
from typing import TYPE_CHECKING, Literal

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from clothier.api.addresses import ITEM_ID, ItemIdInPath
from clothier.api.page.rendering import jinja_env
from clothier.api.page.visits import NOT_SIGNED_IN, AnyVisit
from clothier.api.problems import Problem
from clothier.api.services import ServicesOf
from clothier.data.photos import decode_image, to_jpeg
from clothier.errors import ImageError
from clothier.store.photo_files import NO_ITEM, find_photo
from clothier.store.previews import find_preview

if TYPE_CHECKING:
    from clothier.store.photo_files import PhotoFiles, PhotoRequest

SIZES = {"small": 320, "large": 1_200}  # pixels of the longer side
QUALITY = 84  # of JPEG
THREADS = 2  # that decode at the same time; they are not those of the other requests
LINE, LINES = 34, 6  # characters and lines of the sentence in place of a photo
SHOWN_AS = pathlib.Path("this photo")  # in messages: no path of this machine is sent

router = APIRouter(include_in_schema=False)


@router.get(f"/photos/{{size}}/{ITEM_ID}")
async def get_photo(
    request: Request,
    visit: AnyVisit,
    services: ServicesOf,
    size: Literal["small", "large"],
    item_id: ItemIdInPath,
) -> Response:
    """A photo as JPEG without its metadata, else its preview, else a drawing with a sentence that says why not.

    A page has dozens of photos, so they do not count as requests of the rate limit.
    """
    if visit.caller is None:
        raise Problem(401, NOT_SIGNED_IN, "Sign in with an API key first.")
    request.state.caller = visit.caller.name
    found = await run_in_threadpool(find_photo, services.store, item_id)
    if found is None:
        return _placeholder(NO_ITEM, size, 404)
    tag = f"{found.digest[:32]}-{size}"
    if _has_already(request, tag):
        return _photo(request, b"", tag)
    try:
        content = await anyio.to_thread.run_sync(
            make_thumbnail, services.photo_files, found, SIZES[size], limiter=_limiter(request)
        )
    except ImageError as error:
        preview = await run_in_threadpool(find_preview, services.store, found.digest)
        return _photo(request, preview, f"{found.digest[:32]}-preview") if preview else _placeholder(str(error), size)
    return _photo(request, content, tag)


def make_thumbnail(files: PhotoFiles, request: PhotoRequest, pixels: int) -> bytes:
    """A photo as JPEG with at most so many pixels on a side, upright, in sRGB and without metadata.

    Raises:
        ImageError: it is not there, may not be shown, or is damaged.
    """
    return to_jpeg(decode_image(SHOWN_AS, content=files.read(request), min_sides=(1, pixels)), pixels, QUALITY)


def _has_already(request: Request, tag: str) -> bool:
    return request.headers.get("if-none-match") == f'"{tag}"'


def _photo(request: Request, content: bytes, tag: str) -> Response:
    """The photo, or 304 where the browser has it."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if _has_already(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)


def _limiter(request: Request) -> CapacityLimiter:
    """One for the app; it belongs to the event loop, so it is made in it."""
    state = request.app.state
    if not hasattr(state, "photo_limiter"):
        state.photo_limiter = CapacityLimiter(THREADS)
    limiter: CapacityLimiter = state.photo_limiter
    return limiter


def _placeholder(reason: str, size: str, status: int = 200) -> Response:
    """200, because the page is as it should be: an error in the browser's console would help nobody."""
    lines = textwrap.wrap(reason[:1].upper() + reason[1:], LINE)[:LINES] if size == "large" else ["No photo"]
    drawing = jinja_env().get_template("placeholder.svg").render(lines=lines)
    return Response(drawing, status, media_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"})
