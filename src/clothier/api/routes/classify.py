"""``POST /v1/classify``."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import python_multipart  # noqa: F401 - Starlette would miss it at the first request only
from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from clothier.api.access import Reader
from clothier.api.problems import Problem, busy
from clothier.api.responses import errors, model_version
from clothier.api.schemas import ClassifyAnswer
from clothier.api.services import ServicesOf
from clothier.types import FailedInput
from clothier.untrusted import printable

router = APIRouter(tags=["classify"])

MAX_TOP = 20
MAX_FILE_NAME = 300  # characters that are repeated
MULTIPART = "multipart/form-data"
EXAMPLE = "curl -F files=@shoe.jpg"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Photos of one garment each: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF or HEIC.",
                        }
                    },
                },
            }
        },
    }
}


@router.post(
    "/v1/classify",
    response_model=ClassifyAnswer,
    response_model_exclude_unset=True,
    openapi_extra=BODY,
    responses=errors(400, 408, 413, 415),
)
async def classify(
    request: Request,
    caller: Reader,
    services: ServicesOf,
    top: Annotated[int, Query(ge=1, le=MAX_TOP, description="Classes to name for each photo.")] = 3,
) -> Any:
    """Class, probability, and accept / review / reject for each photo; a file that is no image is an error entry."""
    photos = await _read_photos(request, services)
    try:
        async with asyncio.timeout(services.settings.limits.answer_seconds):
            results = await services.photos.classify(photos, top)
    except TimeoutError as error:
        raise busy("The photos took too long to classify. Send fewer at once.", 1, "too-slow") from error
    for one in results:
        result = one.code if isinstance(one, FailedInput) else one.decision or "uncalibrated"
        services.metrics.photos.labels(result).inc()
    request.state.note = f"photos={len(photos)}"
    return {"model": model_version(services.rules), "results": [one.to_json() for one in results]}


class _Form(MultiPartParser):
    """Notices a form that ends early, which would otherwise be one with fewer files."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True

    def close(self) -> None:
        """Frees the memory of all files, also of those that are not whole."""
        for file in self._files_to_close_on_error:
            file.close()


async def _read_photos(request: Request, services: ServicesOf) -> list[tuple[str, bytes]]:
    """Names and contents of the uploaded ``files``, which stay in memory.

    Raises:
        Problem: not a form, a damaged one, one without photos, or with too many.
    """
    if not request.headers.get("content-type", "").lower().startswith(MULTIPART):
        raise Problem(415, "not-a-form", f"Send the photos as {MULTIPART} in the field 'files', as {EXAMPLE} does.")
    limits = services.settings.limits
    parser = _Form(request.headers, request.stream(), max_files=limits.files, max_fields=limits.files)
    parser.spool_max_size = limits.upload_bytes + 1
    try:
        form = await parser.parse()
        if not parser.is_complete:
            raise Problem(400, "invalid-form", "The form ends before its last boundary. Send it again.")
        uploads = [one for one in form.getlist("files") if isinstance(one, UploadFile)]
        if not uploads:
            raise Problem(400, "no-files", f"The form has no files. Send photos in the field 'files': {EXAMPLE}")
        return [(_shown(one.filename), await one.read()) for one in uploads]
    except MultiPartException as error:
        raise Problem(400, "invalid-form", f"The form cannot be read: {error.message} Send it again.") from error
    finally:
        parser.close()


def _shown(name: str | None) -> str:
    """The name of a file as it is repeated; nothing is stored under it."""
    return printable(name or "photo")[:MAX_FILE_NAME]
