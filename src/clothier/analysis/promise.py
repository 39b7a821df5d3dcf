"""From a stated promise to a threshold: at most so many of the accepted tags are wrong, with so much confidence.

Photos of one photographer share floor, light and habits, so they are no independent trials: the bound counts
photographers, not photos. Legend: N images, G groups (photographers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta, t

from clothier.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

METHOD = "fixed-sequence testing of thresholds, Korn-Graubard bound over groups"
LEAST_FOR_A_CLASS = 59  # 0.95^59 < 0.05: fewer right answers cannot show that 95 % are right


def find_threshold(
    confidence: npt.ArrayLike,
    right: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    risk: float = 0.05,
    certainty: float = 0.95,
) -> float | None:
    """The lowest confidence from which on the promise is proven; None where none proves it.

    Args:
        confidence: (N,), of the answers; of those that may not be accepted in any case, -inf.
        right: (N,) bool.
        groups: (N,) int64.
        risk: the promised share of wrong tags among the accepted, 0 to 1.
        certainty: of the promise, 0 to 1.
    """
    scores, wrong = np.asarray(confidence, dtype=np.float64), ~np.asarray(right, dtype=bool)
    members = np.asarray(groups)
    found = None
    for share in np.arange(0.3, 1.001, 0.01):
        threshold = np.quantile(scores, 1 - share, method="higher")
        taken = scores >= threshold
        if not np.isfinite(threshold) or upper_bound(wrong[taken], members[taken], certainty) > risk:
            break
        found = float(threshold)
    return found


def upper_bound(wrong: npt.ArrayLike, groups: npt.ArrayLike, certainty: float = 0.95) -> float:
    """A bound below which the share of wrong tags of new photographers lies with probability ``certainty``.

    Args:
        wrong: (N,) bool, of accepted tags.
        groups: (N,) int64.
        certainty: 0 to 1.

    Raises:
        DataError: no tags.
    """
    flags = np.asarray(wrong, dtype=np.float64)
    if not flags.size:
        raise DataError("a bound wants accepted tags, and got none.")
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    sizes, errors = np.bincount(places).astype(np.float64), np.bincount(places, flags)
    n, share = sizes.sum(), errors.sum() / sizes.sum()
    degrees = max(n**2 / (sizes**2).sum() - 1, 1.0)
    g = len(sizes)
    variance = g / max(g - 1, 1) * ((errors - share * sizes) ** 2).sum() / n**2
    trials = min(n, share * (1 - share) / variance) if variance else n
    trials *= (t.ppf(certainty, n) / t.ppf(certainty, degrees)) ** 2
    return float(beta.ppf(certainty, share * trials + 1, max(trials * (1 - share), 1e-9)))
