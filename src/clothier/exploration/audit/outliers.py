"""Images that differ from their class in brightness: nearly empty, flat, or cropped so that no border is left.

Each image has three measures. Each measure becomes a robust z-score: its distance from the class's median in units of
1.4826 times the median absolute deviation, which is the standard deviation of normal values. numpy only.

Legend: N images, H, W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clothier.types import Float64Array, Images, Labels


FOREGROUND_MIN = 26  # of 255: pixels from a tenth of white on belong to the garment, darker ones to the background
ROBUST_Z_THRESHOLD = 6.0  # one of a billion normal values is beyond
MIN_SCALE = 0.01  # of a measure's 0 to 1: the least scale of a class, or rounding differences would be outliers
MIN_CONTRAST = 0.01  # standard deviation, white is 1: such an image shows nothing, whatever its class
MIN_CLASS_SIZE = 30  # images; a smaller class is compared with all images, because the median of few is unreliable
MAD_TO_STD = 1.4826  # standard deviation of normal values / median absolute deviation
CHUNK_SIZE = 4096  # images measured at a time

EMPTY, LARGE, FLAT, BORDER = "nearly empty", "too large", "no contrast", "at border"
OUTLIER_REASONS = {
    EMPTY: "few pixels belong to the garment",
    LARGE: "the garment is cropped, or of another class",
    FLAT: "almost nothing is visible",
    BORDER: "the image is badly cropped, or its background was not removed",
}
"""Reason to explanation, in the order in which :func:`outliers` measures them."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """An image that differs from its class: robust z-score in the measure that differs most, and its reason."""

    index: int
    score: float
    reason: str


def outliers(images: Images, labels: Labels) -> tuple[Outlier, ...]:
    """Images beyond :data:`ROBUST_Z_THRESHOLD` in any measure or without contrast; the farthest first."""
    measures = measure_brightness(images)
    foreground, contrast, border = (robust_z_scores(values, labels) for values in measures)
    names, z_scores = list(OUTLIER_REASONS), np.column_stack([-foreground, foreground, -contrast, border])
    strongest, flat = z_scores.argmax(axis=1), measures[1] < MIN_CONTRAST
    strongest[flat] = names.index(FLAT)
    score = z_scores[np.arange(len(images)), strongest] + 0.0  # not -0.0
    indices = np.flatnonzero(flat | (score >= ROBUST_Z_THRESHOLD))
    ranked = indices[np.argsort(-score[indices], kind="stable")]
    return tuple(Outlier(int(index), float(score[index]), names[strongest[index]]) for index in ranked)


def measure_brightness(images: Images) -> Float64Array:
    """Three measures of (N, H, W) uint8 images, (3, N), 0 to 1.

    The fraction of the pixels that are bright, the standard deviation of the pixels (white is 1, so 0.5 at most), and
    the fraction of the outermost pixels that are bright.
    """
    parts = [_measure(images[start : start + CHUNK_SIZE]) for start in range(0, len(images), CHUNK_SIZE)]
    return np.concatenate(parts, axis=1)


def robust_z_scores(values: Float64Array, labels: Labels) -> Float64Array:
    """(N,) float64: the robust z-score of each value in its class; positive above the median."""
    scores = _robust_z(values)
    for label, count in enumerate(np.bincount(labels)):
        if count >= MIN_CLASS_SIZE:
            of_class = labels == label
            scores[of_class] = _robust_z(values[of_class])
    return scores


def _measure(images: Images) -> Float64Array:
    bright = images >= FOREGROUND_MIN
    outermost = np.concatenate([bright[:, 0], bright[:, -1], bright[:, 1:-1, 0], bright[:, 1:-1, -1]], axis=1)
    return np.stack([bright.mean(axis=(1, 2)), images.std(axis=(1, 2)) / 255, outermost.mean(axis=1)])


def _robust_z(values: Float64Array) -> Float64Array:
    from_median = values - np.median(values)
    scale = MAD_TO_STD * float(np.median(np.abs(from_median)))
    return np.asarray(from_median / max(scale, MIN_SCALE))
