"""From logits to honest probabilities: one temperature, fitted on pictures that training never saw.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.model_selection import GroupKFold

from clothier.metrics import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Labels

N_FOLDS = 5
MIN_PROBABILITY = 1e-300  # a probability whose logarithm is taken
MIN_T, MAX_T = 0.1, 10.0  # a few pictures, all answered right, would ask for a temperature of zero


def fit_temperature(logits: npt.ArrayLike, labels: Labels, aggregation: npt.ArrayLike | None = None) -> float:
    """The temperature T for which softmax(logits / T) gives the labels the highest likelihood (arXiv 1706.04599).

    It changes no answer, only how sure each is.

    Args:
        logits: (N, K), of pictures that were not trained on.
        labels: (N,) int64, places among the K classes, or among the L of ``aggregation``.
        aggregation: (K, L) of ones and noughts, where labels only know broader classes: which of the L each of the K is.

    Returns:
        0.1 to 10; below 1 where the model was less sure than it could be, as label smoothing makes it.
    """
    scores = np.asarray(logits, dtype=np.float64)
    words = np.eye(scores.shape[1]) if aggregation is None else np.asarray(aggregation, dtype=np.float64)
    of_truth = words.T[labels]  # (N, K): the classes that a label allows

    def surprise(log_temperature: float) -> float:
        likely = (softmax(scores / np.exp(log_temperature)) * of_truth).sum(axis=1)
        return -float(np.log(np.maximum(likely, MIN_PROBABILITY)).mean())

    found = minimize_scalar(surprise, bounds=(np.log(MIN_T), np.log(MAX_T)), method="bounded")
    return float(np.exp(found.x))


def cross_fit(
    logits: npt.ArrayLike,
    labels: Labels,
    groups: npt.ArrayLike,
    aggregation: npt.ArrayLike | None = None,
    n_folds: int = N_FOLDS,
) -> npt.NDArray[np.float64]:
    """Logits divided by temperatures that were fitted without them: what calibration is worth on new groups.

    Args:
        logits: (N, K), of pictures that were not trained on.
        labels: (N,) int64.
        groups: (N,) int64; a group is held out as a whole.
        aggregation: as :func:`fit_temperature` takes them.
        n_folds: how many, at most as many as there are groups.

    Returns:
        (N, K) float64.
    """
    scores, members = np.array(logits, dtype=np.float64), np.asarray(groups)
    if len(np.unique(members)) < 2:
        return scores / fit_temperature(scores, labels, aggregation)
    split = GroupKFold(min(n_folds, len(np.unique(members)))).split(scores, groups=members)
    divided = np.empty_like(scores)
    for fitted, held_out in split:
        divided[held_out] = scores[held_out] / fit_temperature(scores[fitted], labels[fitted], aggregation)
    return divided


def calibration_metadata(logits: npt.ArrayLike, labels: Labels) -> dict[str, Any]:
    """What a bundle's card says of its calibration: the temperature, and how many validation pictures it is from."""
    return {"temperature": fit_temperature(logits, labels), "fitted_on": "validation", "n": len(labels)}
