"""The 28x28 view of Fashion-MNIST, by the steps of arXiv 1708.07747, section 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos.segmentation import segment_foreground

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Images

IMAGE_SIZE = 28  # pixels
BACKGROUND_TOLERANCE = (
    0.05  # of the largest distance in RGB: what counts as the background's colour (the paper's step 2)
)
WORKING_SIZE = 512  # pixels, the longer side at which edges are looked for: enough, and quick
SHOP_THUMBNAIL_SIZE = 73  # pixels, the longer side of the shop's thumbnails that the paper subsamples (51x73)
MIN_PLAIN_EDGE = 0.7  # of the edge's pixels: a garment may cover a corner of a shop's picture
MAX_FOREGROUND_GRAY = 225  # of 255: what white cloth becomes, so that it is seen on white
LIGHT_THRESHOLD = 128  # of 255: a background at or above it is light


def to_fashion_mnist(image: Image.Image) -> Images:
    """The view of Fashion-MNIST: light garment on black, (28, 28) uint8.

    A picture that is such a view already is returned as it is, bit for bit; one in negative is negated. Product
    pictures on plain ground take the published way: trim what is within 5 % of the corners' colour, subsample to 28
    pixels on the longer side, sharpen, extend to a square, negate if the background is light, grey. Large pictures
    are made thumbnails on the way, because thumbnails of 51x73 pixels are what the paper subsamples.

    Where the ground is real (a floor, a carpet, a cloth), the garment is found and laid on white first, and then
    averaged, not subsampled: a camera's grain and folds become noise otherwise.
    """
    corner = int(np.rint(_background_color(image.convert("L"))))
    if is_fashion_mnist_image(image):
        view = np.asarray(image.convert("L")).copy()
        return 255 - view if corner >= LIGHT_THRESHOLD else view
    working = _shrink(image, WORKING_SIZE)
    is_thumbnail = max(image.size) <= SHOP_THUMBNAIL_SIZE
    mask = None if is_thumbnail or _has_plain_background(working) else segment_foreground(working)
    if mask is not None:
        return 255 - _finish(_shrink(_on_white(working, mask), IMAGE_SIZE), 255)
    view = _finish(_shrink(_trim(working), SHOP_THUMBNAIL_SIZE), corner)
    return 255 - view if corner >= LIGHT_THRESHOLD else view


def is_fashion_mnist_image(image: Image.Image) -> bool:
    """Whether a picture is such a view already: 28x28 pixels, and grey."""
    return image.size == (IMAGE_SIZE, IMAGE_SIZE) and _is_grayscale(image)


def _finish(image: Image.Image, background: int) -> Images:
    """Subsampled, grey, sharpened and in the middle of a square."""
    return _pad_to_square(_sharpen(np.asarray(_subsample(image).convert("L"))), background)


def _has_plain_background(image: Image.Image) -> bool:
    """Whether most of the picture's edge has the corners' colour, as on a shop's white."""
    far = _background_distance(image) > BACKGROUND_TOLERANCE
    edge = np.concatenate([far[0], far[-1], far[:, 0], far[:, -1]])
    return bool(1 - edge.mean() >= MIN_PLAIN_EDGE)


def _on_white(image: Image.Image, mask: npt.NDArray[np.bool_]) -> Image.Image:
    """The garment alone, in grey, cut out; white cloth is kept off the white that surrounds it."""
    alone = np.where(mask, np.asarray(image.convert("L")).clip(0, MAX_FOREGROUND_GRAY), 255).astype(np.uint8)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Image.fromarray(alone[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _is_grayscale(image: Image.Image) -> bool:
    bands = np.asarray(image)
    return bands.ndim == 2 or bool((bands == bands[..., :1]).all())


def _background_color(image: Image.Image) -> npt.NDArray[np.float64]:
    """The median of the corners, per band: one corner that the garment covers does not change it."""
    corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]]
    return np.asarray(np.median(corners, axis=0), np.float64)


def _background_distance(image: Image.Image) -> npt.NDArray[np.float64]:
    """Of each pixel from the background's colour, 0 to 1."""
    bands = np.atleast_3d(np.asarray(image)).astype(np.float64)
    return np.asarray(np.sqrt(((bands - _background_color(image)) ** 2).mean(axis=2)) / 255)


def _trim(image: Image.Image) -> Image.Image:
    """Without the edges that are close to the background's colour; whole, if all of it is."""
    rows, columns = np.nonzero(_background_distance(image) > BACKGROUND_TOLERANCE)
    if len(rows) == 0:
        return image
    return image.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))


def _subsample(image: Image.Image) -> Image.Image:
    """Longer side 28, by leaving out rows and columns."""
    return image.resize(_scaled_size(image, IMAGE_SIZE), Image.Resampling.NEAREST)


def _shrink(image: Image.Image, max_side: int) -> Image.Image:
    """Longer side at most ``max_side``, by the mean over areas."""
    return image.resize(_scaled_size(image, max_side), Image.Resampling.BOX) if max(image.size) > max_side else image


def _scaled_size(image: Image.Image, max_side: int) -> tuple[int, int]:
    factor = max_side / max(image.size)
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


def _pad_to_square(pixels: Images, background: int) -> Images:
    """In the middle of 28x28 pixels of the background's colour."""
    height, width = pixels.shape
    canvas = np.full((IMAGE_SIZE, IMAGE_SIZE), background, np.uint8)
    top, left = (IMAGE_SIZE - height) // 2, (IMAGE_SIZE - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas
