"""Converts photos to the 28x28 format of Fashion-MNIST, by the steps of arXiv 1708.07747, section 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos.segmentation import scaled_size, segment_foreground

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Images

IMAGE_SIZE = 28  # pixels
BACKGROUND_TOLERANCE = 0.05  # of the largest distance in RGB, for a background pixel (the paper's step 2)
WORKING_SIZE = 512  # pixels of the longer side for trimming and segmentation
SHOP_THUMBNAIL_SIZE = 73  # pixels of the longer side of the thumbnails that the paper subsamples (51x73)
MIN_PLAIN_EDGE = 0.7  # of the pixels at the edge; a garment may cover a corner
MAX_FOREGROUND_GRAY = 225  # of 255; keeps white cloth distinct from the white background
LIGHT_THRESHOLD = 128  # of 255; from here on a background is light


def to_fashion_mnist(image: Image.Image) -> Images:
    """The format of Fashion-MNIST: a light garment on black, (28, 28) uint8.

    An image in this format is returned unchanged, or inverted if its background is light. Product images with a uniform
    background follow the paper: trim what is within 5 % of the corners' color, subsample to 28 pixels on the longer
    side, sharpen, extend to a square, invert if the background is light, convert to gray. Larger images are first
    reduced to the size of the paper's thumbnails, 51x73 pixels.

    With any other background, the garment is segmented and placed on white, and then averaged rather than subsampled,
    because camera noise and folds would otherwise become visible noise.
    """
    corner = int(np.rint(_background_color(image.convert("L"))))
    if is_fashion_mnist_image(image):
        gray = np.asarray(image.convert("L")).copy()
        return 255 - gray if corner >= LIGHT_THRESHOLD else gray
    working = _shrink(image, WORKING_SIZE)
    is_thumbnail = max(image.size) <= SHOP_THUMBNAIL_SIZE
    mask = None if is_thumbnail or _has_plain_background(working) else segment_foreground(working)
    if mask is not None:
        return 255 - _finish(_shrink(_on_white(working, mask), IMAGE_SIZE), 255)
    gray = _finish(_shrink(_trim(working), SHOP_THUMBNAIL_SIZE), corner)
    return 255 - gray if corner >= LIGHT_THRESHOLD else gray


def is_fashion_mnist_image(image: Image.Image) -> bool:
    """Whether an image has this format already: 28x28 pixels, gray."""
    return image.size == (IMAGE_SIZE, IMAGE_SIZE) and _is_grayscale(image)


def _finish(image: Image.Image, background: int) -> Images:
    """Subsamples to 28 pixels on the longer side, converts to gray, sharpens and extends to a square."""
    subsampled = image.resize(scaled_size(image, IMAGE_SIZE), Image.Resampling.NEAREST)
    pixels = _sharpen(np.asarray(subsampled.convert("L")))
    margins = [((IMAGE_SIZE - length) // 2, (IMAGE_SIZE - length + 1) // 2) for length in pixels.shape]
    return np.pad(pixels, margins, constant_values=background)


def _has_plain_background(image: Image.Image) -> bool:
    """Whether most pixels at the edge have the color of the corners."""
    far = _background_distance(image) > BACKGROUND_TOLERANCE
    edge = np.concatenate([far[0], far[-1], far[:, 0], far[:, -1]])
    return bool(1 - edge.mean() >= MIN_PLAIN_EDGE)


def _on_white(image: Image.Image, mask: npt.NDArray[np.bool_]) -> Image.Image:
    """The masked garment in gray on white, cropped."""
    garment = np.where(mask, np.asarray(image.convert("L")).clip(0, MAX_FOREGROUND_GRAY), 255).astype(np.uint8)
    return _crop_to(Image.fromarray(garment), mask)


def _is_grayscale(image: Image.Image) -> bool:
    bands = np.asarray(image)
    return bands.ndim == 2 or bool((bands == bands[..., :1]).all())


def _background_color(image: Image.Image) -> npt.NDArray[np.float64]:
    """The median of the corners in each band, which is robust to one corner covered by the garment."""
    corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]]
    return np.asarray(np.median(corners, axis=0), np.float64)


def _background_distance(image: Image.Image) -> npt.NDArray[np.float64]:
    """Distance of each pixel from the background color, 0 to 1: (H, W)."""
    bands = np.atleast_3d(np.asarray(image)).astype(np.float64)
    return np.asarray(np.sqrt(((bands - _background_color(image)) ** 2).mean(axis=2)) / 255)


def _trim(image: Image.Image) -> Image.Image:
    """Crops the edges that are close to the background color; unchanged if all of the image is."""
    return _crop_to(image, _background_distance(image) > BACKGROUND_TOLERANCE)


def _crop_to(image: Image.Image, mask: npt.NDArray[np.bool_]) -> Image.Image:
    return image.crop(Image.fromarray(mask).getbbox())


def _shrink(image: Image.Image, max_side: int) -> Image.Image:
    """Reduces the longer side to at most ``max_side`` by averaging."""
    return image.resize(scaled_size(image, max_side), Image.Resampling.BOX) if max(image.size) > max_side else image


def _sharpen(pixels: Images) -> Images:
    """Unsharp mask: the center at twice the weight of a 3x3 Gaussian (sigma 1 pixel), minus the Gaussian."""
    offsets = np.arange(-1, 2)
    gaussian = np.exp(-(offsets[:, None] ** 2 + offsets**2) / 2)
    kernel = -gaussian
    kernel[1, 1] = 2 * gaussian.sum()
    kernel /= kernel.sum()
    padded = np.pad(pixels.astype(np.float64), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    sharpened: npt.NDArray[np.float64] = np.einsum("hwij,ij->hw", windows, kernel)
    return np.rint(sharpened).clip(0, 255).astype(np.uint8)
