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
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from clothier.data.photos import jpeg, png, tails, tiff
from clothier.data.photos.color import to_srgb
from clothier.data.photos.formats import FORMATS, HEIF, MAX_PIXELS, UnsupportedImageError, detect_format
from clothier.data.photos.memory import MemoryBudget, estimate_bytes
from clothier.data.photos.tiff_samples import decode_unusual_depth
from clothier.errors import ImageError
from clothier.paths import is_url, url_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Sides = tuple[int, int]

MAX_BYTES = 64 << 20  # the largest JPEGs of cameras have about 40 MB
MAX_WEBP_PIXELS = 40_000_000  # Pillow takes 20 bytes of memory for each
RLE_COMPRESSIONS = (b"\1\0\0\0", b"\2\0\0\0")  # of a BMP
MAX_RLE_BYTES = 2_000_000  # of a compressed BMP, which Pillow decodes in Python
LARGE_PIXELS = 16_000_000  # images above this are shrunk by a whole factor when they are decoded, as JPEGs are
MEMORY = MemoryBudget(1 << 30)  # bytes of all images that are decoded at the same time
MIN_SIDE = 8  # pixels; smaller images cannot be classified

DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""The exceptions that Pillow raises for damaged images."""

TAG_HINT = "To tag all of its photos: clothier tag {} -o tags.csv"
TABLES = (".csv", ".parquet", ".zip")  # what clothier tag takes besides folders
_WARNINGS_LOCK = threading.Lock()  # warning filters are global to the process


class HeaderError(OSError):
    """The header or the metadata of an image cannot be read."""


def decode_image(path: Path, *, content: bytes | None = None, min_sides: Sides | None = None) -> Image.Image:
    """The image of :func:`decode_with_notes`, which has the arguments and errors."""
    return decode_with_notes(path, content=content, min_sides=min_sides)[0]


def decode_with_notes(
    path: Path, *, content: bytes | None = None, min_sides: Sides | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Reads an image: upright by its EXIF tag, in sRGB, with transparency on white; RGB, or L if it is gray.

    For an animation, this is the first frame. The format is detected from the content, not from the file name. The
    notes are sentences on what was ignored or missing, such as a damaged color profile.

    Args:
        path: of the file; only the name for messages if ``content`` is given.
        content: of the file; None to read it.
        min_sides: pixels that are needed on the shorter and on the longer side. A JPEG is then decoded at 1/2, 1/4 or
            1/8 of its size if that is large enough, which is much faster. Other large images are shrunk by a whole
            factor.

    Raises:
        ImageError: with the code ``not-found``, ``not-readable``, ``empty``, ``not-an-image``, ``truncated``,
            ``too-large``, ``too-small``, ``needs-heic`` or ``unsupported``.
    """
    if content is None:
        content = read_file(path)
    try:
        return _decode(content, path, min_sides)
    except MemoryError as error:
        raise ImageError("too-large", f"{path} needs more memory than there is. Save it smaller.") from error
    except UnsupportedImageError as error:
        raise ImageError("unsupported", f"{path} {error}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            "too-large", f"{path} has far more than the limit of {MAX_PIXELS} pixels. Save it smaller."
        ) from error
    except DECODE_ERRORS as error:
        raise ImageError("truncated", f"{path} is truncated or damaged ({error}). Copy it again.") from error


def _decode(content: bytes, path: Path, min_sides: Sides | None) -> tuple[Image.Image, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    image_format = detect_format(content)
    if image_format is None:
        formats = ", ".join((*FORMATS, "HEIC"))
        hint = f" {TAG_HINT.format(path)}" if path.suffix.lower() in TABLES else ""
        raise ImageError("not-an-image", f"{path} is not an image in a supported format ({formats}).{hint}")
    if image_format == "JPEG":
        return _decode_jpeg(content, path, min_sides)
    if image_format == HEIF:
        _register_heif(path)
    if image_format == "BMP" and content[30:34] in RLE_COMPRESSIONS and len(content) > MAX_RLE_BYTES:
        raise UnsupportedImageError(f"is a compressed BMP of over {MAX_RLE_BYTES} bytes. Save it as PNG.")
    if image_format == "PNG":
        content, notes = png.repair_png(content)
    image, color_notes = _decode_pixels(content, image_format, path, min_sides)
    return image, (*notes, *color_notes)


def _decode_jpeg(content: bytes, path: Path, min_sides: Sides | None) -> tuple[Image.Image, tuple[str, ...]]:
    markers = jpeg.read_markers(content)
    if not markers.has_end:
        return _decode_without_end(jpeg.complete(content, markers), path, min_sides)
    try:
        return _decode_pixels(content, "JPEG", path, min_sides)
    except DECODE_ERRORS as error:
        if markers.is_lossless:
            raise UnsupportedImageError(jpeg.NOT_ORDINARY) from error
        if not isinstance(error, HeaderError):
            raise
        image, notes = _decode_pixels(jpeg.without_metadata(content), "JPEG", path, min_sides)
        return image, (*notes, jpeg.DAMAGED_METADATA)


def _decode_without_end(
    versions: list[bytes], path: Path, min_sides: Sides | None
) -> tuple[Image.Image, tuple[str, ...]]:
    """A JPEG whose end marker is missing, if its pixels are complete. ``versions`` as of :func:`jpeg.complete`."""
    image, notes = _decode_pixels(versions[0], "JPEG", path, min_sides)
    for version in versions[1:]:
        if _decode_pixels(version, "JPEG", path, min_sides)[0].tobytes() != image.tobytes():
            raise OSError("its end is missing")
    return image, (*notes, jpeg.NO_END)


def _decode_pixels(
    content: bytes, image_format: str, path: Path, min_sides: Sides | None
) -> tuple[Image.Image, tuple[str, ...]]:
    tags = tiff.read_tags(content) if image_format == "TIFF" else {}
    image = (tags and decode_unusual_depth(content, tags)) or _open(content, image_format, tags)
    _check_size(image, path)
    if image_format == "PNG":
        png.scale_transparency(image, content)
    tiff.fix_palette(image, tags)
    progressive_pixels, shrink = image.width * image.height * ("progressive" in image.info), 1
    if min_sides is not None:
        short, long = min_sides
        factor = max(short / min(image.size), long / max(image.size))
        image.draft(None, (math.ceil(image.width * factor), math.ceil(image.height * factor)))  # JPEG only
        if image.width * image.height > LARGE_PIXELS:
            shrink = max(1, min(min(image.size) // short, max(image.size) // long))
    end_notes = tails.check_coded(content, image_format)
    with MEMORY.reserve(estimate_bytes(image.width * image.height, image_format, progressive_pixels)):
        _load(image, content, tags)
        tails.check_rows(image, content, tags)
        _make_upright(image)
        converted, notes = to_srgb(image, shrink)
    return converted, (*notes, *end_notes, *([tiff.PREVIEW] if tiff.is_preview(tags) else []))


def _open(content: bytes, image_format: str, tags: tiff.Tags) -> Image.Image:
    """Opens the image and reads only its header."""
    try:
        with _suppress_warnings():
            return Image.open(io.BytesIO(content), formats=(image_format,))
    except UnidentifiedImageError as error:
        if reason := tags and tiff.unsupported_reason(content, tags, is_open=False):
            raise UnsupportedImageError(reason) from error
        raise HeaderError("its header is incomplete") from error
    except OSError as error:
        if str(error).startswith("Unsupported BMP"):
            raise UnsupportedImageError(f"is not supported ({error}). Save it as JPEG or PNG.") from error
        raise


def _load(image: Image.Image, content: bytes, tags: tiff.Tags) -> None:
    try:
        with (
            _suppress_warnings() if image.format == "TIFF" else nullcontext()
        ):  # its metadata are read after its pixels
            image.load()
    except DECODE_ERRORS as error:
        if reason := tags and tiff.unsupported_reason(content, tags, is_open=True):
            raise UnsupportedImageError(reason) from error
        raise


def count_pixels(content: bytes) -> int | None:
    """The pixels of an image in its full size, by its header; None where only a repair of the file shows them."""
    image_format = detect_format(content)
    if image_format is None:
        return None
    try:
        with _suppress_warnings(), Image.open(io.BytesIO(content), formats=(image_format,)) as image:
            return image.width * image.height
    except DECODE_ERRORS:
        return None


def read_file(path: Path) -> bytes:
    """The content of an image file.

    Raises:
        ImageError: with the code ``not-found``, ``not-readable``, ``empty`` or ``too-large``.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ImageError("not-readable", f"{path} is a folder. Give the photos in it. {TAG_HINT.format(path)}")
        if not path.is_file():
            raise ImageError("not-readable", f"{path} is not a file. Give an image file.")
        if size > MAX_BYTES:
            raise ImageError("too-large", f"{path} has {size} bytes; the limit is {MAX_BYTES}. Save it smaller.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        message = url_message(path) if is_url(path) else f"{path} does not exist. Check the path."
        raise ImageError("not-found", message) from error
    except OSError as error:
        raise ImageError(
            "not-readable", f"{path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error
    except ValueError as error:  # a path with a NUL in it
        raise ImageError("not-found", f"{str(path)!r} is not a path ({error}). Check the path.") from error
    if not content:
        raise ImageError("empty", f"{path} is empty. Copy it again.")
    return content


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
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    if width * height > limit:
        raise ImageError(
            "too-large", f"{path} has {width}x{height} pixels; the limit is {limit} in total. Save it smaller."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            "too-small",
            f"{path} has {width}x{height} pixels; {MIN_SIDE} or more on each side are needed. Use the original.",
        )


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
