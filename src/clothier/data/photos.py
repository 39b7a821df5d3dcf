"""The one place where files become pictures, and pictures become what a model wants to see.

``read_picture`` takes a file to an upright picture in RGB or grey; ``garment28`` takes that to the 28x28 view of
Fashion-MNIST by the steps of arXiv 1708.07747, section 2.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.errors import PhotoError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from clothier.records import Images, View

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
SIGNATURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")  # a damaged picture is told from none by these
MAX_BYTES = 64 << 20  # a camera's largest JPEG has some 40 MB
MAX_PIXELS = 64_000_000  # a decoded picture takes three bytes a pixel; telephones go up to 50 million
SIDE = 28  # pixels
CLOSE = 0.05  # of the largest distance in RGB: what counts as the background's colour (the paper's step 2)
WORKING = 512  # pixels, the longer side at which edges are looked for: enough, and quick
THUMBNAIL = 73  # pixels, the longer side of the shop's thumbnails that the paper subsamples (51x73)
LIGHT = 128  # of 255: a background at or above it is light

DAMAGE = (OSError, SyntaxError, ValueError, TypeError, IndexError, struct.error, zlib.error)
"""What Pillow raises, of all things, when the bytes of a picture are not what its format promises."""

ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_WARNINGS = threading.Lock()  # their filters belong to the whole process


def load_view(path: Path, view: View) -> Images:
    """The picture in ``path`` as a model wants it: uint8 of ``view.shape``.

    Raises:
        PhotoError: the file cannot be taken; ``code`` says why.
        UnknownNameError: no such view.
    """
    if view.kind != "garment28":
        raise UnknownNameError(view.kind, "view of a picture", ["garment28"])
    return garment28(read_picture(path))


def read_picture(path: Path) -> Image.Image:
    """Reads a picture: upright by its EXIF tag, transparency on white, in RGB, or in L where it is grey.

    Raises:
        PhotoError: with the code ``not-found``, ``not-readable``, ``empty``, ``not-a-picture``, ``truncated`` or
            ``too-large``.
    """
    content = _read_bytes(path)
    image = _open(content, path)
    try:
        image.load()
        return _plain(_upright(image))
    except DAMAGE as error:
        raise _damaged(path, str(error)) from error


def garment28(image: Image.Image) -> Images:
    """The view of Fashion-MNIST: light garment on black, (28, 28) uint8.

    A picture that is such a view already is returned as it is, bit for bit; one in negative is negated. All
    others take the published way: trim what is within 5 % of the corners' colour, subsample to 28 pixels on the
    longer side, sharpen, extend to a square, negate if the background is light, grey. Large pictures are made
    thumbnails on the way, because thumbnails of 51x73 pixels are what the paper subsamples.
    """
    background = int(np.rint(_background(image.convert("L"))))
    if image.size == (SIDE, SIDE) and _is_grey(image):
        view = np.asarray(image.convert("L")).copy()
    else:
        small = _shrink(_trim(_shrink(image, WORKING)), THUMBNAIL)
        view = _extend(_sharpen(np.asarray(_subsample(small).convert("L"))), background)
    return 255 - view if background >= LIGHT else view


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise PhotoError("not-readable", f"{path} is not a file; a picture is needed. Name the picture itself.")
        if size > MAX_BYTES:
            raise PhotoError("too-large", f"{path} has {size} bytes; up to {MAX_BYTES} can be taken. Save it smaller.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError("not-found", f"{path} does not exist. Check the path.") from error
    except OSError as error:
        raise PhotoError(
            "not-readable", f"{path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error
    if not content:
        raise PhotoError("empty", f"{path} is empty; a picture is needed. Copy it again.")
    return content


def _open(content: bytes, path: Path) -> Image.Image:
    """Reads the header only; nothing is decoded before the size is known to be fair."""
    try:
        with _quiet():
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoError(
            "too-large", f"{path} has far more than the {MAX_PIXELS} pixels that can be taken. Save it smaller."
        ) from error
    except DAMAGE as error:
        if content.startswith(SIGNATURES):
            raise _damaged(path, "its header is not whole") from error
        raise PhotoError(
            "not-a-picture", f"{path} is not a picture that can be read; {', '.join(FORMATS)} can be taken."
        ) from error
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(
            "too-large",
            f"{path} has {image.width}x{image.height} pixels; up to {MAX_PIXELS} in all can be taken. Save it smaller.",
        )
    return image


def _damaged(path: Path, reason: str) -> PhotoError:
    return PhotoError(
        "truncated", f"{path} is cut short or damaged ({reason}); a whole picture is needed. Copy it again."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Pillow's warnings from the user: of sizes, which we judge ourselves, and of damaged EXIF data."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF tag says; as it is, if the tag is damaged: the picture may be whole all the same."""
    orientation = None
    with _quiet(), suppress(*DAMAGE):
        orientation = image.getexif().get(ORIENTATION)
    turn = UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or L for grey; 16 bits become 8, and what is transparent becomes white."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def _is_grey(image: Image.Image) -> bool:
    bands = np.asarray(image)
    return bands.ndim == 2 or bool((bands == bands[..., :1]).all())


def _background(image: Image.Image) -> npt.NDArray[np.float64]:
    """The median of the corners, per band: one corner that the garment covers does not change it."""
    corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]]
    return np.asarray(np.median(corners, axis=0), np.float64)


def _trim(image: Image.Image) -> Image.Image:
    """Without the edges that are close to the background's colour; whole, if all of it is."""
    bands = np.atleast_3d(np.asarray(image)).astype(np.float32)
    distance = np.sqrt(((bands - _background(image)) ** 2).mean(axis=2)) / 255
    rows, columns = np.nonzero(distance > CLOSE)
    if len(rows) == 0:
        return image
    return image.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))


def _subsample(image: Image.Image) -> Image.Image:
    """Longer side 28, by leaving out rows and columns."""
    return image.resize(_scaled(image, SIDE), Image.Resampling.NEAREST)


def _shrink(image: Image.Image, longest: int) -> Image.Image:
    """Longer side at most ``longest``, by the mean over areas."""
    return image.resize(_scaled(image, longest), Image.Resampling.BOX) if max(image.size) > longest else image


def _scaled(image: Image.Image, longest: int) -> tuple[int, int]:
    factor = longest / max(image.size)
    return max(1, round(image.width * factor)), max(1, round(image.height * factor))


def _sharpen(pixels: Images) -> Images:
    """Twice the weight of a 3x3 Gaussian (sigma 1 pixel) to the centre, less the neighbours; edges are repeated."""
    offsets = np.arange(-1, 2)
    gaussian = np.exp(-(offsets[:, None] ** 2 + offsets**2) / 2)
    kernel = -gaussian
    kernel[1, 1] = 2 * gaussian.sum()
    kernel /= kernel.sum()
    padded = np.pad(pixels.astype(np.float64), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    total: npt.NDArray[np.float64] = np.einsum("hwij,ij->hw", windows, kernel)
    return np.rint(total).clip(0, 255).astype(np.uint8)


def _extend(pixels: Images, background: int) -> Images:
    """In the middle of 28x28 pixels of the background's colour."""
    height, width = pixels.shape
    canvas = np.full((SIDE, SIDE), background, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas
