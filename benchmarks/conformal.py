"""Class-conditional conformal prediction sets (Mondrian; Vovk 2012, arXiv 1209.2673).

A class is in a photo's set unless its probability is lower than for nearly all calibration photos of that class. The
coverage holds for photos from the same distribution as the calibration photos; photographers count by their photos.

numpy only. Legend: N images, M calibration images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Labels

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ClassConditionalConformal:
    """Calibration scores of each class.

    Attributes:
        calibration_scores: K ascending arrays: 1 - the probability of the true class, of its calibration photos.
    """

    calibration_scores: tuple[Doubles, ...]

    def p_values(self, probabilities: npt.ArrayLike) -> Doubles:
        """Conformal p-values (N, K): the fraction of a class's calibration photos that fit it no better.

        Args:
            probabilities: (N, K).
        """
        scores = 1 - np.asarray(probabilities, dtype=np.float64)
        columns = [_p_values(known, scores[:, index]) for index, known in enumerate(self.calibration_scores)]
        return np.stack(columns, axis=1)

    def prediction_sets(self, probabilities: npt.ArrayLike, alpha: float = 0.05) -> Flags:
        """The prediction sets (N, K) bool; for each class, at most ``alpha`` of its photos are without it.

        Args:
            probabilities: (N, K).
            alpha: 0 to 1. A class with fewer than 1 / alpha - 1 calibration photos is in every set.
        """
        return np.asarray(self.p_values(probabilities) > alpha)


def fit_conformal(probabilities: npt.ArrayLike, labels: Labels) -> ClassConditionalConformal:
    """Calibrates on photos that the model was not trained on, such as grouped out-of-fold predictions.

    Args:
        probabilities: (M, K).
        labels: (M,) int64; -1 (none of the classes) is left out.
    """
    scores = 1 - np.asarray(probabilities, dtype=np.float64)
    return ClassConditionalConformal(
        tuple(np.sort(scores[np.asarray(labels) == label, label]) for label in range(scores.shape[1]))
    )


def class_coverage(prediction_sets: Flags, labels: Labels) -> Doubles:
    """The fraction of each class's photos whose set contains it: (K,) float64, NaN for a class without photos.

    Args:
        prediction_sets: (N, K) bool.
        labels: (N,) int64.
    """
    covered = [prediction_sets[labels == label, label] for label in range(prediction_sets.shape[1])]
    return np.array([flags.mean() if flags.size else np.nan for flags in covered])


def _p_values(calibration_scores: Doubles, scores: Doubles) -> Doubles:
    """Counts the new photo itself, which makes the p-value valid for any number of calibration photos."""
    at_least = len(calibration_scores) - np.searchsorted(calibration_scores, scores, side="left")
    return np.asarray((at_least + 1) / (len(calibration_scores) + 1))
