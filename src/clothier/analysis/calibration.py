"""From logits to honest probabilities: one temperature, fitted on pictures that training never saw.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar

from clothier.analysis.metrics import log_softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.records import Labels

COLDEST, HOTTEST = 0.1, 10.0  # a few pictures, all answered right, would ask for a temperature of zero


def fit_temperature(logits: npt.ArrayLike, labels: Labels) -> float:
    """The temperature T for which softmax(logits / T) gives the labels the highest likelihood (arXiv 1706.04599).

    It changes no answer, only how sure each is.

    Args:
        logits: (N, K), of pictures that were not trained on.
        labels: (N,) int64.

    Returns:
        0.1 to 10; below 1 where the model was less sure than it could be, as label smoothing makes it.
    """
    scores, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))

    def surprise(log_temperature: float) -> float:
        return -float(log_softmax(scores / np.exp(log_temperature))[rows, labels].mean())

    found = minimize_scalar(surprise, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def calibration(logits: npt.ArrayLike, labels: Labels) -> dict[str, Any]:
    """What a bundle's card says of its calibration: the temperature, and how many validation pictures it is from."""
    return {"temperature": fit_temperature(logits, labels), "fitted_on": "validation", "n": len(labels)}
