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
    Shares = npt.NDArray[np.float64]

WORKING = 96  # pixels, the longer side
BINS = 12  # of each of the three channels
ROUNDS = 8
FREE = 3  # rounds after which a pixel is judged by its neighbourhood as much as by where it lies
NEAR = 6  # blurs that make the neighbourhood
RARE = 0.5 / 12  # pixels that every colour is taken to have been seen in: an unseen one says nothing
FEWEST, MOST = 0.08, 0.92  # share of the picture that a garment believably has
CENTRE, EDGE = 0.7, 0.05  # how probably the garment is in the middle of a photo, and at its edge
MARGIN = 0.45  # of half the picture: how far inwards the edge is felt


def find_garment(image: Image.Image) -> Mask | None:
    """Which pixels are the garment: (H, W), True there; None where nothing believable was found."""
    small = _small(image)
    shares = _shares(_bins(small), _expected(small.height, small.width))
    mask = _filled(_largest(shares > 0.5))
    if not FEWEST < mask.mean() < MOST:
        return None
    grown = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.BILINEAR)
    return np.asarray(grown) >= 128


def _small(image: Image.Image) -> Image.Image:
    factor = WORKING / max(image.size)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(3))


def _bins(image: Image.Image) -> npt.NDArray[np.intp]:
    """(H, W), one number for each colour: brightness and two differences, as the eye and JPEG have them."""
    channels = np.asarray(image.convert("YCbCr")).astype(np.float64)
    brightness = channels[..., 0] / 256
    chroma = ((channels[..., 1:] - 128) / 96 + 0.5).clip(0, 0.999)  # the outer quarter is as good as empty
    places = (np.dstack([brightness, chroma]) * BINS).astype(np.intp)
    return (places[..., 0] * BINS + places[..., 1]) * BINS + places[..., 2]


def _expected(height: int, width: int) -> Shares:
    """How probably each pixel is garment before its colour is looked at."""
    y = 1 - np.abs(np.linspace(-1, 1, height))[:, None]
    x = 1 - np.abs(np.linspace(-1, 1, width))[None, :]
    inside = np.minimum(np.minimum(x, y) / MARGIN, 1)
    expected: Shares = EDGE + (CENTRE - EDGE) * inside
    return expected


def _shares(bins: npt.NDArray[np.intp], expected: Shares) -> Shares:
    """The garment's share of each pixel: by its colour, and by where it lies, among what."""
    shares = before = expected
    for done in range(ROUNDS):
        if done >= FREE:
            before = (expected + _blurred(shares, NEAR).clip(EDGE, 1 - EDGE)) / 2
        garment = before * _histogram(bins, shares)[bins]
        ground = (1 - before) * _histogram(bins, 1 - shares)[bins]
        shares = _blurred(garment / (garment + ground))
    return shares


def _histogram(bins: npt.NDArray[np.intp], weights: Shares) -> Shares:
    """How probable each colour is, from the pixels of these weights; near colours help one another."""
    counts = np.asarray(np.bincount(bins.ravel(), weights.ravel(), BINS**3), np.float64).reshape(BINS, BINS, BINS)
    for axis in range(3):
        counts = _smoothed(counts, axis)
    seen = counts.ravel() + RARE
    histogram: Shares = seen / seen.sum()
    return histogram


def _blurred(shares: Shares, times: int = 1) -> Shares:
    for axis in (0, 1) * times:
        shares = _smoothed(shares, axis)
    return shares


def _smoothed(array: Shares, axis: int) -> Shares:
    """Half of each place and a quarter of both its neighbours along an axis; the edge is repeated."""
    moved = np.moveaxis(array, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    smooth = 0.5 * moved + 0.25 * (padded[:-2] + padded[2:])
    return np.asarray(np.moveaxis(smooth, 0, axis))


def _largest(mask: Mask) -> Mask:
    """The largest connected part (4 neighbours)."""
    if not mask.any():
        return mask
    labels = _spread(np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0), mask)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray(labels == counts.argmax())


def _filled(mask: Mask) -> Mask:
    """Without holes: what the outside cannot reach belongs to it."""
    ground = np.pad(~mask, 1, constant_values=True)
    outside = np.zeros_like(ground)
    outside[0] = True
    return ~_spread(outside, ground)[1:-1, 1:-1]


def _spread(values: Grid, mask: Mask) -> Grid:
    """The largest value of each connected part of ``mask``, everywhere in it: along rows and columns in turns."""
    while True:
        spread = _along_rows(_along_rows(values, mask).T, mask.T).T
        if np.array_equal(spread, values):
            return spread
        values = spread


def _along_rows(values: Grid, mask: Mask) -> Grid:
    """The largest value of each run of True in a row, everywhere in the run; outside, values stay."""
    begins = mask.copy()
    begins[:, 1:] &= ~mask[:, :-1]
    first = begins[mask]
    largest = np.maximum.reduceat(values[mask], np.flatnonzero(first))
    spread = values.copy()
    spread[mask] = largest[np.cumsum(first) - 1]
    return spread
