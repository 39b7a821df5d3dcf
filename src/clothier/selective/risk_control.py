"""Risk control: a threshold so that, with a given confidence, at most a given fraction of the accepted tags is wrong.

- *Which threshold*: fixed-sequence testing, as in Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052).
  Thresholds are tested from strict to lenient until one fails. The guarantee holds for all before that at once, so
  choosing the last costs no confidence. The first one is chosen from the confidences alone, without the labels. What
  is proven is the promised risk. A bound at the chosen threshold would be lower, but the threshold was chosen by it, so
  it would be exceeded too often and is not reported.
- *Which risk*: one that was chosen before. For others see :mod:`clothier.selective.provable_risk`.
- *Whether a threshold holds*: photos of one photographer are not independent. The bound is that of Korn and Graubard
  (1998, Survey Methodology 24:193-201) for proportions from clustered samples: Clopper-Pearson with the effective
  number of photos, and with the degrees of freedom of groups.

There are few wrong tags among the accepted ones, and a design effect estimated from few is often too small. So the
intraclass correlation of all predictions, accepted or not, is its lower limit. Simulated catalogs in the tests show
that the guarantee holds.

Legend: N images, G groups (photographers, products), K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, stdtrit

from clothier.errors import DataError
from clothier.selective.thresholds import AcceptedClass, RiskGuarantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array, Int64Array, Labels

METHOD = "Learn then Test (fixed sequence) with Korn-Graubard bounds over groups"
COVERAGE_GRID = np.arange(10, 101) / 100  # fractions of the photos that may be accepted: the tested thresholds
ROUNDING = 1e-6  # by which the probability of a photo may be lower in single precision, with which a model computes it


def risk_guarantee(
    threshold: float | None,
    confidence: npt.ArrayLike,
    predictions: Labels,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike,
    classes: Sequence[str],
    *,
    risk: float,
    confidence_level: float,
    grouped_by: str,
) -> RiskGuarantee:
    """The guarantee that at most ``risk`` of the tags from ``threshold`` on are wrong; None accepts nothing.

    ``confidence`` (N,) are the calibrated probabilities of the predictions; -inf for those that must not be accepted.
    """
    scores, wrong, groups = check_inputs(confidence, correct, groups)
    accepted = np.zeros(len(scores), dtype=bool) if threshold is None else scores >= threshold
    rows_of = {name: accepted & (np.asarray(predictions) == label) for label, name in enumerate(classes)}
    return RiskGuarantee(
        risk=risk,
        confidence_level=confidence_level,
        empirical_risk=float(wrong[accepted].mean()) if accepted.any() else None,
        coverage=float(accepted.mean()),
        n=len(scores),
        n_accepted=int(accepted.sum()),
        n_groups=int(groups.max()) + 1,
        grouped_by=grouped_by,
        method=METHOD,
        per_class=tuple(
            AcceptedClass(name=name, n_accepted=int(rows.sum()), n_errors=int(wrong[rows].sum()))
            for name, rows in rows_of.items()
            if rows.any()
        ),
    )


def find_threshold(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    risk: float = 0.05,
    confidence_level: float = 0.95,
) -> float | None:
    """The lowest confidence from which on the risk is controlled; None if there is none.

    ``confidence`` is as for :func:`risk_guarantee`.

    Raises:
        DataError: no predictions, or arrays of different lengths.
    """
    scores, wrong, groups = check_inputs(confidence, correct, groups)
    correlation = intraclass_correlation(wrong, groups)
    found = None
    for threshold in fixed_sequence(scores, groups, confidence_level):
        accepted = scores >= threshold
        if risk_upper_bound(wrong[accepted], groups[accepted], confidence_level, correlation) > risk:
            break
        found = float(threshold)
    return found


def risk_upper_bound(
    wrong: npt.ArrayLike,
    groups: Int64Array,
    confidence_level: float = 0.95,
    correlation: float = 0.0,
    *,
    scale: float = 1.0,
) -> float:
    """Upper bound of the fraction of wrong tags in new groups, with probability ``confidence_level``, above 0.5.

    ``wrong`` (N,) are flags of the accepted tags, or the probability that each is wrong; ``correlation`` is a lower
    limit of the intraclass correlation. A single group gives no bound for others: it is 1. ``scale`` is for planning:
    the bound of that many times as many groups with the same error rate.

    Raises:
        DataError: no tags.
    """
    sizes, errors = _group_totals(wrong, groups)
    n, g = sizes.sum(), len(sizes)
    rate = errors.sum() / n
    if g < 2 or rate >= 1:
        return 1.0
    effect = max(_design_effect(sizes, errors), 1 + (_mean_cluster_size(sizes) - 1) * correlation, 1.0)
    n_scaled, g_scaled = scale * n, scale * g
    student = stdtrit(n_scaled - 1, confidence_level) / stdtrit(g_scaled - 1, confidence_level)  # Student's t
    trials = n_scaled / effect * student**2
    return float(betaincinv(rate * trials + 1, (1 - rate) * trials, confidence_level))


def intraclass_correlation(wrong: npt.ArrayLike, groups: Int64Array) -> float:
    """How similar the predictions of one group are, 0 (not at all) to 1, from the design effect of the error rate."""
    sizes, errors = _group_totals(wrong, groups)
    cluster_size = _mean_cluster_size(sizes)
    return float(np.clip((_design_effect(sizes, errors) - 1) / (cluster_size - 1), 0, 1)) if cluster_size > 1 else 0.0


def fixed_sequence(
    scores: Float64Array, groups: Int64Array, confidence_level: float, min_coverage: float = 0.0
) -> Float64Array:
    """Thresholds from strict to lenient, from the one with the lowest bound if the confidences were true.

    A stricter one accepts too few tags for a low bound, a more lenient one accepts too many wrong ones. Only
    confidences and groups are used, no labels: neither the errors nor how much they differ between groups. All accept
    at least ``min_coverage`` of the N tags; there may be none.
    """
    thresholds = np.array([one for one in coverage_thresholds(scores) if (scores >= one).mean() >= min_coverage])
    if not thresholds.size:
        return thresholds
    expected = [
        risk_upper_bound(1 - scores[accepted], groups[accepted], confidence_level)
        for accepted in (scores >= threshold for threshold in thresholds)
    ]
    return np.asarray(thresholds[int(np.argmin(expected)) :])


def coverage_thresholds(scores: Float64Array) -> Float64Array:
    """Every threshold that may be tested, from strict to lenient: those that accept 10, 11, ... 100 % of the tags.

    Each is a little lower than a score, so that a model with this threshold accepts that photo, too. There are none
    where all ``scores`` (N,) are infinite.
    """
    possible = scores[np.isfinite(scores)]
    if not possible.size:
        return possible
    return np.maximum(np.unique(np.quantile(possible, 1 - COVERAGE_GRID, method="higher"))[::-1] - ROUNDING, 0)


def _group_totals(wrong: npt.ArrayLike, groups: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Photos and wrong tags of each group that has photos."""
    flags = np.asarray(wrong, dtype=np.float64)
    if not flags.size:
        raise DataError("a risk bound needs predictions, but got none. Accept more tags.")
    sizes, errors = np.bincount(groups), np.bincount(groups, flags)
    return sizes[sizes > 0].astype(np.float64), errors[sizes > 0].astype(np.float64)


def _mean_cluster_size(sizes: Float64Array) -> float:
    """Size of the group that a photo belongs to, mean over the photos."""
    return float((sizes**2).sum() / sizes.sum())


def _design_effect(sizes: Float64Array, errors: Float64Array) -> float:
    """Variance of the error rate relative to that of independent photos, linearized (Kish 1965)."""
    n, g = sizes.sum(), len(sizes)
    rate = errors.sum() / n
    if not 0 < rate < 1 or g < 2:
        return 1.0
    return float(g / (g - 1) * ((errors - rate * sizes) ** 2).sum() / (n * rate * (1 - rate)))


def check_inputs(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[Float64Array, BoolArray, Int64Array]:
    """Confidences, errors, and groups numbered from 0.

    Raises:
        DataError: no predictions, or arrays of different lengths.
    """
    scores, wrong = np.asarray(confidence, dtype=np.float64), ~np.asarray(correct, dtype=bool)
    members = np.asarray(groups)
    if not scores.size or not scores.shape == wrong.shape == members.shape:
        raise DataError(
            f"risk control needs one label and one group for every prediction, but got {scores.size} predictions, "
            f"{wrong.size} labels and {members.size} groups."
        )
    return scores, wrong, np.unique(members, return_inverse=True)[1]
