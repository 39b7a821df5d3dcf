"""Finds the garment in a photo of one that lies on a floor, a carpet or a cloth, or hangs on a wall.

Two histograms of colour, one of the garment and one of what surrounds it, are estimated in turns with the share of
either in each pixel, as in GrabCut (Rother, Kolmogorov and Blake 2004), but with soft shares and a blur in the place
of its graph cut: at 96 pixels nothing sharper is needed, and numpy alone does it in some milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Grid = TypeVar("Grid", npt.NDArray[np.bool_], npt.NDArray[np.intp])
    Probabilities = npt.NDArray[np.float64]

SEGMENTATION_SIZE = 96  # pixels, the longer side
BINS_PER_CHANNEL = 12  # of each of the three channels
ITERATIONS = 8
PRIOR_ITERATIONS = 3  # rounds after which a pixel is judged by its neighbourhood as much as by where it lies
SMOOTHING_PASSES = 6  # blurs that make the neighbourhood
PSEUDOCOUNT = 0.5 / 12  # pixels that every colour is taken to have been seen in: an unseen one says nothing
MIN_AREA_FRACTION, MAX_AREA_FRACTION = 0.08, 0.92  # share of the picture that a garment believably has
PRIOR_CENTER, PRIOR_EDGE = 0.7, 0.05  # how probably the garment is in the middle of a photo, and at its edge
PRIOR_MARGIN = 0.45  # of half the picture: how far inwards the edge is felt


def segment_foreground(image: Image.Image) -> Mask | None:
    """Which pixels are the garment: (H, W), True there; None where nothing believable was found."""
    small = _downscale(image)
    shares = _foreground_probabilities(_color_bins(small), _prior(small.height, small.width))
    mask = _fill_holes(_largest_component(shares > 0.5))
    if not MIN_AREA_FRACTION < mask.mean() < MAX_AREA_FRACTION:
        return None
    grown = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.BILINEAR)
    return np.asarray(grown) >= 128


def _downscale(image: Image.Image) -> Image.Image:
    factor = SEGMENTATION_SIZE / max(image.size)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(3))


def _color_bins(image: Image.Image) -> npt.NDArray[np.intp]:
    """(H, W), one number for each colour: brightness and two differences, as the eye and JPEG have them."""
    channels = np.asarray(image.convert("YCbCr")).astype(np.float64)
    brightness = channels[..., 0] / 256
    chroma = ((channels[..., 1:] - 128) / 96 + 0.5).clip(0, 0.999)  # the outer quarter is as good as empty
    places = (np.dstack([brightness, chroma]) * BINS_PER_CHANNEL).astype(np.intp)
    return (places[..., 0] * BINS_PER_CHANNEL + places[..., 1]) * BINS_PER_CHANNEL + places[..., 2]


def _prior(height: int, width: int) -> Probabilities:
    """How probably each pixel is garment before its colour is looked at."""
    y = 1 - np.abs(np.linspace(-1, 1, height))[:, None]
    x = 1 - np.abs(np.linspace(-1, 1, width))[None, :]
    inside = np.minimum(np.minimum(x, y) / PRIOR_MARGIN, 1)
    expected: Probabilities = PRIOR_EDGE + (PRIOR_CENTER - PRIOR_EDGE) * inside
    return expected


def _foreground_probabilities(bins: npt.NDArray[np.intp], prior: Probabilities) -> Probabilities:
    """The garment's share of each pixel: by its colour, and by where it lies, among what."""
    shares = before = prior
    for done in range(ITERATIONS):
        if done >= PRIOR_ITERATIONS:
            before = (prior + _blur(shares, SMOOTHING_PASSES).clip(PRIOR_EDGE, 1 - PRIOR_EDGE)) / 2
        garment = before * _color_histogram(bins, shares)[bins]
        ground = (1 - before) * _color_histogram(bins, 1 - shares)[bins]
        shares = _blur(garment / (garment + ground))
    return shares


def _color_histogram(bins: npt.NDArray[np.intp], weights: Probabilities) -> Probabilities:
    """How probable each colour is, from the pixels of these weights; near colours help one another."""
    counts = np.asarray(np.bincount(bins.ravel(), weights.ravel(), BINS_PER_CHANNEL**3), np.float64).reshape(
        BINS_PER_CHANNEL, BINS_PER_CHANNEL, BINS_PER_CHANNEL
    )
    for axis in range(3):
        counts = _smooth(counts, axis)
    seen = counts.ravel() + PSEUDOCOUNT
    histogram: Probabilities = seen / seen.sum()
    return histogram


def _blur(probabilities: Probabilities, times: int = 1) -> Probabilities:
    for axis in (0, 1) * times:
        probabilities = _smooth(probabilities, axis)
    return probabilities


def _smooth(array: Probabilities, axis: int) -> Probabilities:
    """Half of each place and a quarter of both its neighbours along an axis; the edge is repeated."""
    moved = np.moveaxis(array, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    smooth = 0.5 * moved + 0.25 * (padded[:-2] + padded[2:])
    return np.asarray(np.moveaxis(smooth, 0, axis))


def _largest_component(mask: Mask) -> Mask:
    """The largest connected part (4 neighbours)."""
    if not mask.any():
        return mask
    labels = _propagate_labels(np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0), mask)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray(labels == counts.argmax())


def _fill_holes(mask: Mask) -> Mask:
    """Without holes: what the outside cannot reach belongs to it."""
    ground = np.pad(~mask, 1, constant_values=True)
    outside = np.zeros_like(ground)
    outside[0] = True
    return ~_propagate_labels(outside, ground)[1:-1, 1:-1]


def _propagate_labels(values: Grid, mask: Mask) -> Grid:
    """The largest value of each connected part of ``mask``, everywhere in it: along rows and columns in turns."""
    while True:
        spread = _propagate_rows(_propagate_rows(values, mask).T, mask.T).T
        if np.array_equal(spread, values):
            return spread
        values = spread


def _propagate_rows(values: Grid, mask: Mask) -> Grid:
    """The largest value of each run of True in a row, everywhere in the run; outside, values stay."""
    begins = mask.copy()
    begins[:, 1:] &= ~mask[:, :-1]
    first = begins[mask]
    largest = np.maximum.reduceat(values[mask], np.flatnonzero(first))
    spread = values.copy()
    spread[mask] = largest[np.cumsum(first) - 1]
    return spread
