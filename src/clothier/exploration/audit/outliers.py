"""Pictures that stand out from their class by light alone: nearly empty, flat, or cropped so that no border is left.

Three measures of each picture, each set against its class's median in units of its robust spread (1.4826 times the
median absolute deviation, which is the standard deviation where values are normal). numpy only.

Legend: N images, H, W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Images, Labels

    Doubles = npt.NDArray[np.float64]

FOREGROUND_MIN = (
    26  # of 255: a pixel at or above a tenth of white belongs to the garment and not to the black around it
)
ROBUST_Z_THRESHOLD = 6.0  # robust spreads: of a billion normal values one lies beyond
MIN_SCALE = 0.01  # of each measure's 0 to 1: a class's spread counts as this at least, or rounding would stand out
MIN_CONTRAST = 0.01  # standard deviation, of white: such a picture shows nothing, whatever its class
MIN_CLASS_SIZE = 30  # pictures; a smaller class is set against all pictures, for a median of few says little
MAD_TO_STD = 1.4826  # standard deviations to a median absolute deviation
CHUNK_SIZE = 4096  # pictures measured at a time

EMPTY, LARGE, FLAT, BORDER = "nearly empty", "too large", "no contrast", "at border"
OUTLIER_REASONS = {
    EMPTY: "few pixels belong to the garment",
    LARGE: "the garment is cropped, or another than its class",
    FLAT: "hardly anything can be seen",
    BORDER: "the picture is badly cropped, or its background was not removed",
}
"""What may be wrong with a picture, and what that means; in the order in which :func:`outliers` measures it."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """One picture that stands out.

    Attributes:
        index: its place among the N.
        score: robust spreads from its class's median, in the measure that stands out most.
        reason: one of :data:`SUSPICIONS`.
    """

    index: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Brightness:
    """Three measures of N pictures, each (N,) float64 of 0 to 1.

    Attributes:
        foreground_fraction: share of pixels that belong to the garment, as far as light tells.
        contrast: standard deviation of the pixels, of white; half at most.
        border_fraction: share of the outermost pixels that are lit.
    """

    foreground_fraction: Doubles
    contrast: Doubles
    border_fraction: Doubles


def outliers(images: Images, labels: Labels) -> tuple[Outlier, ...]:
    """Pictures beyond :data:`FAR` in any measure, and all without contrast; the farthest first, one entry a picture.

    Args:
        images: (N, H, W) uint8, light garments on black.
        labels: (N,) int64.
    """
    light = measure_brightness(images)
    lit, contrast, border = (
        robust_z_scores(values, labels) for values in (light.foreground_fraction, light.contrast, light.border_fraction)
    )
    names, distances = list(OUTLIER_REASONS), np.column_stack([-lit, lit, -contrast, border])
    strongest, flat = distances.argmax(axis=1), light.contrast < MIN_CONTRAST
    strongest[flat] = names.index(FLAT)
    score = distances[np.arange(len(images)), strongest]
    places = np.flatnonzero(flat | (score >= ROBUST_Z_THRESHOLD))
    ranked = places[np.argsort(-score[places], kind="stable")]
    return tuple(Outlier(int(place), float(score[place]), names[strongest[place]]) for place in ranked)


def measure_brightness(images: Images) -> Brightness:
    """The three measures of (N, H, W) uint8 pictures; thousands at a time, so that memory is bounded."""
    parts = [_measure(images[start : start + CHUNK_SIZE]) for start in range(0, len(images), CHUNK_SIZE)]
    return Brightness(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def robust_z_scores(values: Doubles, labels: Labels) -> Doubles:
    """(N,) float64: how many robust spreads each value lies above its class's median (below: negative)."""
    scores = _robust_z(values)
    for label, count in enumerate(np.bincount(labels)):
        if count >= MIN_CLASS_SIZE:
            of_class = labels == label
            scores[of_class] = _robust_z(values[of_class])
    return scores


def _measure(images: Images) -> tuple[Doubles, Doubles, Doubles]:
    lit = images >= FOREGROUND_MIN
    outermost = np.concatenate([lit[:, 0], lit[:, -1], lit[:, 1:-1, 0], lit[:, 1:-1, -1]], axis=1)
    return lit.mean(axis=(1, 2)), images.std(axis=(1, 2)) / 255, outermost.mean(axis=1)


def _robust_z(values: Doubles) -> Doubles:
    from_median = values - np.median(values)
    spread = MAD_TO_STD * float(np.median(np.abs(from_median)))
    return np.asarray(from_median / max(spread, MIN_SCALE))
