"""Temperature scaling: one number that turns logits into calibrated probabilities.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar

from clothier.metrics import softmax

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from clothier.types import Float64Array, Labels

MIN_PROBABILITY = 1e-300  # lower bound of a probability whose logarithm is taken
MIN_T, MAX_T = 0.1, 10.0  # without bounds, a few correct predictions would fit a temperature of zero


def fit_temperature(logits: npt.ArrayLike, labels: Labels, aggregation: npt.ArrayLike | None = None) -> float:
    """The temperature T for which softmax(logits / T) gives the labels the highest likelihood (arXiv 1706.04599).

    It changes no prediction, only the probabilities.

    It is 0.1 to 10; below 1 if the probabilities are too low, as with label smoothing. If the labels are L parent
    classes, ``aggregation`` (K, L) of ones and zeros has the one of each of the K classes of the logits (N, K).
    """
    scores = np.asarray(logits, dtype=np.float64)
    matrix = np.eye(scores.shape[1]) if aggregation is None else np.asarray(aggregation, dtype=np.float64)
    belongs = matrix.T[labels]  # (N, K): the classes that belong to the label

    def loss(log_temperature: float) -> float:
        likelihood = (softmax(scores / np.exp(log_temperature)) * belongs).sum(axis=1)
        return -float(np.log(np.maximum(likelihood, MIN_PROBABILITY)).mean())

    found = minimize_scalar(loss, bounds=(np.log(MIN_T), np.log(MAX_T)), method="bounded")
    return float(np.exp(found.x))


def cross_fit(
    logits: npt.ArrayLike,
    labels: Labels,
    folds: Iterable[tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]],
    aggregation: npt.ArrayLike | None = None,
) -> Float64Array:
    """Logits (N, K) divided by temperatures that were fitted on other images.

    ``folds`` are pairs of indices to fit on and held-out indices. Images that are never held out keep their logits.
    """
    calibrated = np.array(logits, dtype=np.float64)
    for fit, held_out in folds:
        calibrated[held_out] /= fit_temperature(np.asarray(logits)[fit], labels[fit], aggregation)
    return calibrated


def calibration_metadata(logits: npt.ArrayLike, labels: Labels) -> dict[str, Any]:
    """The ``calibration`` of a bundle's card: the temperature, fitted on validation images."""
    return {"temperature": fit_temperature(logits, labels), "fitted_on": "validation", "n": len(labels)}
