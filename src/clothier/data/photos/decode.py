"""Files become pictures here: any format that we take, upright, in RGB, or in L where it is grey.

What the header tells (format, size) is judged before anything is decoded. The bits after it are not believed either:
whatever a damaged file makes Pillow raise becomes a :class:`ImageError` with a code and a sentence.
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

from PIL import Image

from clothier.data.photos.color import UnsupportedModeError, to_srgb
from clothier.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
HEIF = "HEIF"  # what pillow-heif calls HEIC pictures
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SIGNATURES = (  # a damaged picture is told from none by these
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
)
MAX_BYTES = 64 << 20  # a camera's largest JPEG has some 40 MB
MAX_PIXELS = 64_000_000  # a decoded picture takes three bytes a pixel; telephones go up to 50 million
MIN_SIDE = 8  # pixels: no garment can be told from fewer

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
"""What Pillow raises, of all things, when the bytes of a picture are not what its format promises."""

EXIF_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
EXIF_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_WARNINGS_LOCK = threading.Lock()  # their filters belong to the whole process


def decode_image(path: Path, *, min_long_side: int | None = None) -> Image.Image:
    """Reads a picture: upright by its EXIF tag, colours in sRGB, transparency on white, in RGB, or in L where grey.

    Of an animation this is the first frame. The file's suffix does not matter, its content does.

    Args:
        path: of the file.
        min_long_side: how many pixels are needed on the longer side; a JPEG is then decoded at a half, a quarter or an
            eighth of its size where that still has as many, in a fraction of the time.

    Raises:
        ImageError: with the code ``not-found``, ``not-readable``, ``empty``, ``not-a-picture``, ``truncated``,
            ``too-large``, ``too-small``, ``needs-heic`` or ``unsupported``.
    """
    content = _read_bytes(path)
    image = _open(content, path)
    _check_size(image, path)
    try:
        if min_long_side is not None:
            _decode_smaller(image, min_long_side)
        image.load()
        turn = _exif_transpose(image)
        plain = to_srgb(image)
        return plain if turn is None else plain.transpose(turn)
    except UnsupportedModeError as error:
        raise ImageError("unsupported", f"{path} {error}") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except DECODE_ERRORS as error:
        raise _truncated(path, str(error)) from error


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ImageError("not-readable", f"{path} is not a file; a picture is needed. Name the picture itself.")
        if size > MAX_BYTES:
            raise ImageError("too-large", f"{path} has {size} bytes; up to {MAX_BYTES} can be taken. Save it smaller.")
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
        raise ImageError("empty", f"{path} is empty; a picture is needed. Copy it again.")
    return content


def _open(content: bytes, path: Path) -> Image.Image:
    """Reads the header only."""
    formats = (HEIF,) if _is_heif(content) else FORMATS
    if formats == (HEIF,):
        _register_heif(path)
    try:
        with _suppress_warnings():
            return Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except DECODE_ERRORS as error:
        if content.startswith(SIGNATURES) or content[4:8] == b"ftyp":
            raise _truncated(path, "its header is not whole") from error
        raise ImageError(
            "not-a-picture", f"{path} is not a picture that can be read; {', '.join((*FORMATS, 'HEIC'))} can be taken."
        ) from error


def _is_heif(content: bytes) -> bool:
    """By its brand; an AVIF may carry ``mif1`` as well, but only behind its own."""
    return content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS and b"avif" not in content[16:48]


def _register_heif(path: Path) -> None:
    """Lets Pillow read HEIC; only when the first such file comes, because the part that reads it is optional."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            "needs-heic", f"{path} is a HEIC picture; reading those takes: pip install 'clothier[heic]'"
        ) from error
    register_heif_opener()


def _check_size(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            "too-large",
            f"{path} has {width}x{height} pixels; up to {MAX_PIXELS} in all can be taken. Save it smaller.",
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            "too-small",
            f"{path} has {width}x{height} pixels; a garment needs {MIN_SIDE} or more each way. Take the original.",
        )


def _too_large(path: Path) -> ImageError:
    return ImageError(
        "too-large", f"{path} has far more than the {MAX_PIXELS} pixels that can be taken. Save it smaller."
    )


def _truncated(path: Path, reason: str) -> ImageError:
    return ImageError(
        "truncated", f"{path} is cut short or damaged ({reason}); a whole picture is needed. Copy it again."
    )


@contextmanager
def _suppress_warnings() -> Iterator[None]:
    """Keeps Pillow's warnings from the user: of sizes, which we judge ourselves, and of damaged EXIF data."""
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decode_smaller(image: Image.Image, min_long_side: int) -> None:
    """Has a JPEG decoded smaller, but never below ``min_long_side``; other formats cannot."""
    factor = min_long_side / max(image.size)
    image.draft(None, (math.ceil(image.width * factor), math.ceil(image.height * factor)))


def _exif_transpose(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright, by its EXIF tag; a damaged tag is ignored: the picture may be whole all the same."""
    orientation = None
    with _suppress_warnings(), suppress(*DECODE_ERRORS):
        orientation = image.getexif().get(EXIF_ORIENTATION)
    return EXIF_TRANSPOSE.get(orientation) if isinstance(orientation, int) else None
