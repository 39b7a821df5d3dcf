"""Prediction sets that hold the true class as often as they say, in every class by itself.

Split-conformal prediction, class by class (Mondrian; Vovk 2012, arXiv 1209.2673): a class stays in a photo's set unless
its probability is lower than for nearly all calibration photos of that class. The promise is over photos that come as
the calibration photos came; a few photographers who sent many of them weigh as much as their photos.

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
    """Calibration photos, class by class.

    Attributes:
        calibration_scores: K arrays, rising: 1 less the probability of the true class, of that class's calibration photos.
    """

    calibration_scores: tuple[Doubles, ...]

    def p_values(self, probabilities: npt.ArrayLike) -> Doubles:
        """How well each class fits each photo: (N, K), shares of that class's photos that fit no better.

        Args:
            probabilities: (N, K).
        """
        strange = 1 - np.asarray(probabilities, dtype=np.float64)
        columns = [_p_values(known, strange[:, place]) for place, known in enumerate(self.calibration_scores)]
        return np.stack(columns, axis=1)

    def prediction_sets(self, probabilities: npt.ArrayLike, alpha: float = 0.05) -> Flags:
        """The classes that may be true: (N, K) bool; in each class, at most ``alpha`` of its photos lack it.

        Args:
            probabilities: (N, K).
            alpha: 0 to 1. A class with fewer than 1 / risk - 1 calibration photos is in every set.
        """
        return np.asarray(self.p_values(probabilities) > alpha)


def fit_conformal(probabilities: npt.ArrayLike, labels: Labels) -> ClassConditionalConformal:
    """Calibrates on photos that the answering model did not learn from, such as grouped out-of-fold answers.

    Args:
        probabilities: (M, K).
        labels: (M,) int64; -1, outside the classes, is left out.
    """
    shares, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    return ClassConditionalConformal(
        tuple(np.sort(1 - shares[truth == place, place]) for place in range(shares.shape[1]))
    )


def class_coverage(prediction_sets: Flags, labels: Labels) -> Doubles:
    """The share of each class's photos whose set holds it: (K,) float64, NaN where a class has none.

    Args:
        prediction_sets: (N, K) bool.
        labels: (N,) int64.
    """
    held = [prediction_sets[labels == place, place] for place in range(prediction_sets.shape[1])]
    return np.array([flags.mean() if flags.size else np.nan for flags in held])


def _p_values(calibration_scores: Doubles, scores: Doubles) -> Doubles:
    """The new photo counts itself, which makes the p-value valid for any number of calibration photos."""
    at_least = len(calibration_scores) - np.searchsorted(calibration_scores, scores, side="left")
    return np.asarray((at_least + 1) / (len(calibration_scores) + 1))
