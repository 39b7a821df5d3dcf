"""A histogram of a photo's colors, for comparing garments.

It is of luma and chroma (YCbCr as in JPEG) in the central three quarters of an image, where the garment is. Each pixel
counts in the eight nearest bins, so that a little more light changes little. docs/log.md has the alternatives.

Legend: N images, P pixels of one, B bins.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from clothier.types import Floats, Images

SIZE, MARGIN = 32, 4  # pixels of the reduced image, and of its border that is left out
BINS = (4, 6, 6)  # of luma, blue and red chroma
N_BINS = BINS[0] * BINS[1] * BINS[2]
MAX_CHROMA = 75.0  # of 128; garments are rarely more colorful, and then they count as this


def color_histograms(images: Images) -> Floats:
    """(N, B) float32: square roots of the fractions of each color, so that each row has length 1.

    Args:
        images: (N, H, W, 3) RGB or (N, H, W) gray, uint8.
    """
    pixels = np.stack([_reduce(one) for one in images]).astype(np.float32)  # (N, P, 3)
    levels = np.array(BINS, np.float32) - 1
    chroma = (np.clip((pixels[..., 1:] - 128) / MAX_CHROMA, -1, 1) + 1) / 2
    at = np.concatenate([pixels[..., :1] / 255, chroma], axis=2) * levels
    low = np.minimum(at.astype(np.int64), np.array(BINS) - 2)
    upper = np.moveaxis(at - low, 2, 0)
    sides = [(1 - one, one) for one in upper]  # of each channel, the weights of the lower and of the higher bin
    first = np.ravel_multi_index(tuple(np.moveaxis(low, 2, 0)), BINS)
    rows = np.arange(len(images))[:, None] * N_BINS
    counts = np.zeros(len(images) * N_BINS)
    for corner in product((0, 1), repeat=3):
        luma, blue, red = (sides[axis][side] for axis, side in enumerate(corner))
        weights = luma * blue * red
        places = rows + first + np.ravel_multi_index(corner, BINS)
        counts += np.bincount(places.ravel(), weights.ravel(), minlength=len(counts))
    fractions = counts.reshape(len(images), N_BINS) / pixels.shape[1]
    return np.asarray(np.sqrt(fractions), np.float32)


def _reduce(image: Images) -> Images:
    """The center of a smaller image: (P, 3) uint8 in YCbCr."""
    whole = Image.fromarray(image).convert("RGB")
    small = whole.resize((SIZE, SIZE), Image.Resampling.BOX, reducing_gap=1)  # twice as fast with the gap, and the same
    center = np.asarray(small.convert("YCbCr"))[MARGIN : SIZE - MARGIN, MARGIN : SIZE - MARGIN]
    return np.ascontiguousarray(center).reshape(-1, 3)
