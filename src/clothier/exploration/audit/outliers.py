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

LIT = 26  # of 255: a pixel at or above a tenth of white belongs to the garment and not to the black around it
FAR = 6.0  # robust spreads: of a billion normal values one lies beyond
NARROWEST = 0.01  # of each measure's 0 to 1: a class's spread counts as this at least, or rounding would stand out
LEAST_CONTRAST = 0.01  # standard deviation, of white: such a picture shows nothing, whatever its class
FEWEST = 30  # pictures; a smaller class is set against all pictures, for a median of few says little
NORMAL = 1.4826  # standard deviations to a median absolute deviation
ROWS = 4096  # pictures measured at a time

EMPTY, LARGE, FLAT, BORDER = "nearly empty", "too large", "no contrast", "at border"
SUSPICIONS = {
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
        suspicion: one of :data:`SUSPICIONS`.
    """

    index: int
    score: float
    suspicion: str


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Three measures of N pictures, each (N,) float64 of 0 to 1.

    Attributes:
        lit: share of pixels that belong to the garment, as far as light tells.
        contrast: standard deviation of the pixels, of white; half at most.
        border: share of the outermost pixels that are lit.
    """

    lit: Doubles
    contrast: Doubles
    border: Doubles


def outliers(images: Images, labels: Labels) -> tuple[Outlier, ...]:
    """Pictures beyond :data:`FAR` in any measure, and all without contrast; the farthest first, one entry a picture.

    Args:
        images: (N, H, W) uint8, light garments on black.
        labels: (N,) int64.
    """
    light = measure_light(images)
    lit, contrast, border = (from_class(values, labels) for values in (light.lit, light.contrast, light.border))
    names, distances = list(SUSPICIONS), np.column_stack([-lit, lit, -contrast, border])
    strongest, flat = distances.argmax(axis=1), light.contrast < LEAST_CONTRAST
    strongest[flat] = names.index(FLAT)
    score = distances[np.arange(len(images)), strongest]
    places = np.flatnonzero(flat | (score >= FAR))
    ranked = places[np.argsort(-score[places], kind="stable")]
    return tuple(Outlier(int(place), float(score[place]), names[strongest[place]]) for place in ranked)


def measure_light(images: Images) -> Light:
    """The three measures of (N, H, W) uint8 pictures; thousands at a time, so that memory is bounded."""
    parts = [_measure(images[start : start + ROWS]) for start in range(0, len(images), ROWS)]
    return Light(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def from_class(values: Doubles, labels: Labels) -> Doubles:
    """(N,) float64: how many robust spreads each value lies above its class's median (below: negative)."""
    scores = _robust(values)
    for label, count in enumerate(np.bincount(labels)):
        if count >= FEWEST:
            of_class = labels == label
            scores[of_class] = _robust(values[of_class])
    return scores


def _measure(images: Images) -> tuple[Doubles, Doubles, Doubles]:
    lit = images >= LIT
    outermost = np.concatenate([lit[:, 0], lit[:, -1], lit[:, 1:-1, 0], lit[:, 1:-1, -1]], axis=1)
    return lit.mean(axis=(1, 2)), images.std(axis=(1, 2)) / 255, outermost.mean(axis=1)


def _robust(values: Doubles) -> Doubles:
    from_median = values - np.median(values)
    spread = NORMAL * float(np.median(np.abs(from_median)))
    return np.asarray(from_median / max(spread, NARROWEST))
