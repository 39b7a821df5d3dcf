"""Photos of a form (``multipart/form-data``). They stay in memory, and no name of a client reaches a disk."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import python_multipart  # noqa: F401 - Starlette would miss it at the first request only
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from clothier.api.problems import Problem
from clothier.errors import StorageError
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import Request

    from clothier.api.settings import Limits

MAX_FILE_NAME = 300  # characters that are repeated
MULTIPART = "multipart/form-data"
FIELD = "files"
MAX_INPUTS = 8  # of a form with one file
EXAMPLE = "curl -F files=@shoe.jpg"
CONTENT: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": [FIELD],
        "additionalProperties": False,
        "properties": {
            FIELD: {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "format": "binary"},
                "description": "Photos of one garment each: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF or HEIC.",
            }
        },
    },
}
"""The form for OpenAPI."""


class _Form(MultiPartParser):
    """Notices a form that ends early, which would otherwise be one with fewer files."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True

    def close(self) -> None:
        """Frees the memory of all files, also of those that are not whole."""
        for file in self._files_to_close_on_error:
            file.close()


def is_form(request: Request) -> bool:
    """Whether the body is said to be a form with files."""
    return request.headers.get("content-type", "").lower().startswith(MULTIPART)


@dataclass(frozen=True, slots=True)
class Upload:
    """A form: names and contents of its ``files``, and its other fields."""

    photos: list[tuple[str, bytes]]
    fields: FormData


async def read_photos(request: Request, limits: Limits) -> list[tuple[str, bytes]]:
    """Names and contents of the uploaded ``files``.

    Raises:
        Problem: not a form, a damaged one, one without photos, with too many, or with other fields.
    """
    upload = await read_upload(request, limits)
    if other := next((name for name in upload.fields if name != FIELD), None):
        detail = f"The form has a field {_shown(other)!r}. Send photos in the field 'files', all else in the address."
        raise Problem(422, "unknown-field", detail)
    return upload.photos


async def read_upload(request: Request, limits: Limits) -> Upload:
    """The uploaded ``files`` and the other fields.

    Raises:
        Problem: not a form, a damaged one, one without photos, or with too many.
    """
    if not is_form(request):
        raise Problem(415, "not-a-form", f"Send the photos as {MULTIPART} in the field 'files', as {EXAMPLE} does.")
    parser = _Form(request.headers, request.stream(), max_files=limits.files, max_fields=limits.files)
    parser.spool_max_size = limits.upload_bytes + 1
    try:
        form, files = await _parse(parser)
        if not files:
            raise Problem(400, "no-files", f"The form has no files. Send photos in the field 'files': {EXAMPLE}")
        return Upload([(_shown(one.filename), await one.read()) for one in files], form)
    finally:
        parser.close()


@asynccontextmanager
async def received_file(request: Request) -> AsyncIterator[tuple[UploadFile, FormData]]:
    """The one file of a form, of any size, and the other fields. It is on disk, under no name, until it is closed.

    Raises:
        Problem: not a form, a damaged one, or one without a file or with several.
        StorageError: the disk is full.
    """
    if not is_form(request):
        raise Problem(415, "not-a-form", f"Send the file as {MULTIPART} in the field {FIELD!r}.")
    parser = _Form(request.headers, request.stream(), max_files=MAX_INPUTS, max_fields=MAX_INPUTS)
    try:
        form, files = await _parse(parser)
        if len(files) != 1:
            raise Problem(400, "not-one-file", f"The form has {len(files)} files. Send one at a time.")
        yield files[0], form
    except OSError as error:
        raise StorageError(f"an upload cannot be kept in {tempfile.gettempdir()}: {error.strerror}.") from error
    finally:
        parser.close()


async def _parse(parser: _Form) -> tuple[FormData, list[UploadFile]]:
    """The form, and its ``files``; an input of a browser in which no file was chosen is no file."""
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(400, "invalid-form", f"The form cannot be read: {error.message} Send it again.") from error
    if not parser.is_complete:
        raise Problem(400, "invalid-form", "The form ends before its last boundary. Send it again.")
    return form, [one for one in form.getlist(FIELD) if isinstance(one, UploadFile) and (one.filename or one.size)]


def _shown(name: str | None) -> str:
    """The name of a file as it is repeated; nothing is stored under it."""
    return printable(name or "photo")[:MAX_FILE_NAME]
