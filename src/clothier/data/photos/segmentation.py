"""Segments the garment in a photo of a single garment on a floor, a cloth or a wall.

Color histograms of foreground and background and the foreground probability of each pixel are estimated alternately, as
in GrabCut (Rother, Kolmogorov and Blake 2004), but with probabilities and a blur in place of the graph cut. At 96
pixels this is precise enough, and numpy needs only a few milliseconds.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array

    Grid = TypeVar("Grid", BoolArray, npt.NDArray[np.intp])

SEGMENTATION_SIZE = 96  # pixels, the longer side
BINS_PER_CHANNEL = 12  # of each of the three channels
ITERATIONS = 8
PRIOR_ITERATIONS = 3  # after these, the prior of a pixel is half its position and half its neighborhood
SMOOTHING_PASSES = 6  # of the blur that defines the neighborhood
PSEUDOCOUNT = 0.5 / 12  # added to every color bin, so that unseen colors are neutral
MIN_AREA_FRACTION, MAX_AREA_FRACTION = 0.08, 0.92  # of the image; outside, the result is rejected
PRIOR_CENTER, PRIOR_EDGE = 0.7, 0.05  # prior foreground probability in the center and at the edge
PRIOR_MARGIN = 0.45  # fraction of half the image over which the prior rises


class Segmentation(NamedTuple):
    """Foreground and background of a small image.

    Attributes:
        foreground: (H, W) probability of each pixel.
        ratio: (H, W) how much likelier the color of a pixel is in the foreground than in the background.
        overlap: of the colors of foreground and background (Bhattacharyya coefficient): 1 if they are the same.
    """

    foreground: Float64Array
    ratio: Float64Array
    overlap: float


def segment_foreground(image: Image.Image) -> BoolArray | None:
    """The foreground mask, (H, W); None if its area is implausible."""
    resized = image.resize(scaled_size(image, SEGMENTATION_SIZE), Image.Resampling.BOX)
    small = resized.filter(ImageFilter.MedianFilter(3))
    foreground = _foreground_probabilities(_color_bins(small), _prior(small.height, small.width), ITERATIONS)
    mask = _fill_holes(_largest_component(foreground > 0.5))
    if not MIN_AREA_FRACTION < mask.mean() < MAX_AREA_FRACTION:
        return None
    upscaled = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.BILINEAR)
    return np.asarray(upscaled) >= 128


def segment_small(image: Image.Image, iterations: int = ITERATIONS) -> Segmentation:
    """Segments all pixels of an image that is small already; the foreground may have several parts, and holes."""
    bins = _color_bins(image)
    foreground = _foreground_probabilities(bins, _prior(image.height, image.width), iterations)
    mask = (foreground > 0.5).astype(np.float64)
    inside, outside = _color_histograms(bins, mask)
    return Segmentation(foreground, (inside / outside)[bins], float(np.sqrt(inside * outside).sum()))


def scaled_size(image: Image.Image, long_side: int) -> tuple[int, int]:
    """Width and height of ``image`` with ``long_side`` pixels on the longer side; 1 or more each."""
    factor = long_side / max(image.size)
    return max(1, round(image.width * factor)), max(1, round(image.height * factor))


def _color_bins(image: Image.Image) -> npt.NDArray[np.intp]:
    """(H, W) indices of color bins in YCbCr."""
    channels = np.moveaxis(np.asarray(image.convert("YCbCr")), -1, 0)
    brightness, blue, red = (table[one] for table, one in zip(_bin_tables(), channels, strict=True))
    return np.asarray(brightness + blue + red)


@cache
def _bin_tables() -> npt.NDArray[np.intp]:
    """(3, 256): what each value of luma, blue and red chroma adds to the index of the bin."""
    values = np.arange(256)
    chroma = ((values - 128) / 96 + 0.5).clip(0, 0.999)  # the outer quarter is almost empty
    indices = (np.stack([values / 256, chroma, chroma]) * BINS_PER_CHANNEL).astype(np.intp)
    return np.asarray(indices * np.array([[BINS_PER_CHANNEL**2], [BINS_PER_CHANNEL], [1]]))


@cache
def _prior(height: int, width: int) -> Float64Array:
    """The foreground probability of each pixel by its position: (H, W)."""
    y = 1 - np.abs(np.linspace(-1, 1, height))[:, None]
    x = 1 - np.abs(np.linspace(-1, 1, width))[None, :]
    inside = np.minimum(np.minimum(x, y) / PRIOR_MARGIN, 1)
    return np.asarray(PRIOR_EDGE + (PRIOR_CENTER - PRIOR_EDGE) * inside)


def _foreground_probabilities(bins: npt.NDArray[np.intp], prior: Float64Array, iterations: int) -> Float64Array:
    """The foreground probability of each pixel by its color, its position and its neighborhood: (H, W)."""
    probabilities = local_prior = prior
    for iteration in range(iterations):
        if iteration >= PRIOR_ITERATIONS:
            neighborhood = _blur(probabilities, SMOOTHING_PASSES).clip(PRIOR_EDGE, 1 - PRIOR_EDGE)
            local_prior = (prior + neighborhood) / 2
        inside, outside = _color_histograms(bins, probabilities)
        ratio = inside / outside
        foreground = local_prior * ratio[bins]
        probabilities = _blur(foreground / (foreground + 1 - local_prior))
    return probabilities


def _color_histograms(bins: npt.NDArray[np.intp], weights: Float64Array) -> Float64Array:
    """(2, B): the probability of each color bin among pixels with these weights, and among pixels with the others.

    The others are 1 - weight. Both are smoothed over similar colors.
    """
    shape, smooth = (2, *(BINS_PER_CHANNEL,) * 3), _blur_matrix(BINS_PER_CHANNEL, 1)
    inside = np.bincount(bins.ravel(), weights.ravel(), BINS_PER_CHANNEL**3)
    counts = np.stack([inside, np.bincount(bins.ravel(), minlength=BINS_PER_CHANNEL**3) - inside])
    planes = (smooth @ counts.reshape(2, BINS_PER_CHANNEL, -1)).reshape(shape)
    smoothed = (smooth @ planes @ smooth.T).reshape(2, -1) + PSEUDOCOUNT
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def _blur(probabilities: Float64Array, times: int = 1) -> Float64Array:
    height, width = probabilities.shape
    return np.asarray(_blur_matrix(height, times) @ probabilities @ _blur_matrix(width, times).T)


@cache
def _blur_matrix(length: int, times: int) -> Float64Array:
    """(L, L) a blur with the kernel (1/4, 1/2, 1/4), some times in a row; the edge is repeated."""
    index = np.arange(length)
    matrix = np.zeros((length, length))
    for offset, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        np.add.at(matrix, (index, (index + offset).clip(0, length - 1)), weight)
    return np.asarray(np.linalg.matrix_power(matrix, times))


def _largest_component(mask: BoolArray) -> BoolArray:
    """The largest 4-connected component."""
    if not mask.any():
        return mask
    labels = _propagate_labels(np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0), mask)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray(labels == counts.argmax())


def _fill_holes(mask: BoolArray) -> BoolArray:
    """Adds the background regions that are not connected to the outside."""
    background = np.pad(~mask, 1, constant_values=True)
    outside = np.zeros_like(background)
    outside[0] = True
    return ~_propagate_labels(outside, background)[1:-1, 1:-1]


def _propagate_labels(values: Grid, mask: BoolArray) -> Grid:
    """Sets each connected component of ``mask`` to its largest value, alternately along rows and columns."""
    while True:
        updated = _propagate_rows(_propagate_rows(values, mask).T, mask.T).T
        if np.array_equal(updated, values):
            return updated
        values = updated


def _propagate_rows(values: Grid, mask: BoolArray) -> Grid:
    """Sets each run of True in a row to its largest value; other values are unchanged."""
    is_start = mask.copy()
    is_start[:, 1:] &= ~mask[:, :-1]
    first = is_start[mask]
    largest = np.maximum.reduceat(values[mask], np.flatnonzero(first))
    updated = values.copy()
    updated[mask] = largest[np.cumsum(first) - 1]
    return updated
