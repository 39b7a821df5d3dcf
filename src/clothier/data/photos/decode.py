"""Reads image files: any supported format, upright, in RGB or in L (gray).

Format and size are checked from the header before anything is decoded. Every exception that a damaged file causes in
Pillow becomes an :class:`ImageError`.
"""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from clothier.data.photos.color import UnsupportedModeError, to_srgb
from clothier.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
HEIF = "HEIF"  # the name of HEIC in pillow-heif
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SIGNATURES = (  # distinguish a damaged image from another file
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
)
MAX_BYTES = 64 << 20  # the largest JPEGs of cameras have about 40 MB
MAX_PIXELS = 64_000_000  # 3 bytes of memory for each; phones take up to 50 million
MIN_SIDE = 8  # pixels; smaller images cannot be classified

DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""The exceptions that Pillow raises for damaged images."""

_WARNINGS_LOCK = threading.Lock()  # warning filters are global to the process


def decode_image(path: Path, *, min_long_side: int | None = None) -> Image.Image:
    """Reads an image: upright by its EXIF tag, in sRGB, with transparency on white; RGB, or L if it is gray.

    For an animation, this is the first frame. The format is detected from the content, not from the file name.

    Args:
        path: of the file.
        min_long_side: pixels that are needed on the longer side. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size
            if that is large enough, which is much faster.

    Raises:
        ImageError: with the code ``not-found``, ``not-readable``, ``empty``, ``not-an-image``, ``truncated``,
            ``too-large``, ``too-small``, ``needs-heic`` or ``unsupported``.
    """
    content = _read_bytes(path)
    try:
        image = _open(content, path)
        _check_size(image, path)
        if min_long_side is not None:  # only a JPEG can be decoded in a smaller size
            factor = min_long_side / max(image.size)
            image.draft(None, (math.ceil(image.width * factor), math.ceil(image.height * factor)))
        image.load()
        _make_upright(image)
        return to_srgb(image)
    except UnsupportedModeError as error:
        raise ImageError("unsupported", f"{path} {error}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            "too-large", f"{path} has far more than the limit of {MAX_PIXELS} pixels. Save it smaller."
        ) from error
    except DECODE_ERRORS as error:
        raise _truncated(path, str(error)) from error


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ImageError("not-readable", f"{path} is not a file. Give an image file.")
        if size > MAX_BYTES:
            raise ImageError("too-large", f"{path} has {size} bytes; the limit is {MAX_BYTES}. Save it smaller.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("not-found", f"{path} does not exist. Check the path.") from error
    except OSError as error:
        raise ImageError(
            "not-readable", f"{path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error
    except ValueError as error:  # a path with a NUL in it
        raise ImageError("not-found", f"{str(path)!r} is not a path ({error}). Check the path.") from error
    if not content:
        raise ImageError("empty", f"{path} is empty. Copy it again.")
    return content


def _open(content: bytes, path: Path) -> Image.Image:
    """Opens the image and reads only its header."""
    formats = (HEIF,) if _is_heif(content) else FORMATS
    if formats == (HEIF,):
        _register_heif(path)
    try:
        with _suppress_warnings():
            return Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError as error:
        if content.startswith(SIGNATURES) or content[4:8] == b"ftyp":
            raise _truncated(path, "its header is incomplete") from error
        raise ImageError(
            "not-an-image", f"{path} is not an image in a supported format ({', '.join((*FORMATS, 'HEIC'))})."
        ) from error


def _is_heif(content: bytes) -> bool:
    """Whether the brand is HEIC's. An AVIF may have ``mif1`` too, but then ``avif`` is among its compatible brands."""
    return content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS and b"avif" not in content[16:48]


def _register_heif(path: Path) -> None:
    """Registers the optional HEIC reader in Pillow."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            "needs-heic", f"{path} is a HEIC image. To read it, run: pip install 'clothier[heic]'"
        ) from error
    register_heif_opener()


def _check_size(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            "too-large",
            f"{path} has {width}x{height} pixels; the limit is {MAX_PIXELS} in total. Save it smaller.",
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            "too-small",
            f"{path} has {width}x{height} pixels; {MIN_SIDE} or more on each side are needed. Use the original.",
        )


def _truncated(path: Path, reason: str) -> ImageError:
    return ImageError("truncated", f"{path} is truncated or damaged ({reason}). Copy it again.")


@contextmanager
def _suppress_warnings() -> Iterator[None]:
    """Suppresses Pillow's warnings on sizes, which we check ourselves, and on damaged EXIF data."""
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _make_upright(image: Image.Image) -> None:
    """Applies the EXIF orientation. A damaged tag is ignored: the image itself may be intact."""
    with _suppress_warnings(), suppress(*DECODE_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)  # in place: a copy has no format, which to_srgb needs
