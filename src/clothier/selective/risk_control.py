"""From a stated promise to a threshold: at most so many of the accepted tags are wrong, with so much confidence.

Two published methods, one on the other:

- *Which threshold*: fixed-sequence testing, as in Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052). The
  thresholds are tested one after the other, from strict to lenient, until one fails; every threshold before that holds
  at once, so choosing the last costs no confidence. Where to begin is chosen from the confidences alone, not from what
  was right.
- *Whether one holds*: photos of one photographer share floor, light and habits and are no independent trials. The
  bound is that of Korn and Graubard (1998, Survey Methodology 24:193-201) for proportions from clustered samples:
  Clopper-Pearson with as many trials as the photos are worth, and with degrees of freedom of groups, not of photos.

Wrong tags among the accepted are few, and a design effect that is estimated from few is too small when it matters. So
it is taken from all answers, accepted or not, wherever that is more careful: an intraclass correlation pooled as survey
offices pool design effects of rare answers. Simulated catalogues in the tests show that the promise holds.

Legend: N images, G groups (photographers, product lines), K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, stdtrit

from clothier.errors import DataError
from clothier.selective.thresholds import ClassRiskBound, RiskGuarantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import Labels

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

METHOD = "Learn then Test (fixed sequence) with Korn-Graubard bounds over groups"
MIN_ACCEPTED = 59  # 0.95^59 < 0.05: fewer right answers cannot show that 95 % are right
COVERAGE_GRID = np.arange(10, 101) / 100  # of the photos that may be accepted at all: the thresholds that are tested


def control_risk(
    confidence: npt.ArrayLike,
    predictions: Labels,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike,
    classes: Sequence[str],
    *,
    risk: float,
    confidence_level: float,
    grouped_by: str,
) -> tuple[float | None, RiskGuarantee]:
    """The threshold that :func:`find_threshold` finds, and the promise that stands on it.

    Args:
        confidence: (N,), calibrated probabilities of the answers; -inf where an answer may not be accepted.
        predictions: (N,) int64, places in ``classes``.
        correct: (N,) bool.
        groups: (N,) int64.
        classes: the K names.
        risk: the promised share of wrong tags among the accepted, 0 to 1.
        confidence_level: of the promise, 0 to 1.
        grouped_by: what a group is.
    """
    scores, wrong, members = _check_inputs(confidence, correct, groups)
    correlation = intraclass_correlation(wrong, members)
    accept = find_threshold(scores, ~wrong, members, risk=risk, confidence_level=confidence_level)
    taken = np.zeros(len(scores), dtype=bool) if accept is None else scores >= accept
    return accept, RiskGuarantee(
        risk=risk,
        confidence_level=confidence_level,
        bound=risk_upper_bound(wrong[taken], members[taken], confidence_level, correlation) if taken.any() else None,
        empirical_risk=float(wrong[taken].mean()) if taken.any() else None,
        coverage=float(taken.mean()),
        n=len(scores),
        n_accepted=int(taken.sum()),
        n_groups=len(np.unique(members)),
        grouped_by=grouped_by,
        method=METHOD,
        per_class=tuple(
            _class_risk_bound(name, wrong[rows], members[rows], risk, confidence_level, correlation)
            for place, name in enumerate(classes)
            if (rows := taken & (np.asarray(predictions) == place)).sum() >= MIN_ACCEPTED
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
    """The lowest confidence from which on the promise is proven; None where none proves it.

    Args:
        confidence: (N,), calibrated probabilities of the answers; -inf where an answer may not be accepted.
        correct: (N,) bool.
        groups: (N,) int64.
        risk: the promised share of wrong tags among the accepted, 0 to 1.
        confidence_level: of the promise, 0 to 1.

    Raises:
        DataError: no answers, or not one group and one verdict for each.
    """
    scores, wrong, members = _check_inputs(confidence, correct, groups)
    correlation = intraclass_correlation(wrong, members)
    found = None
    for threshold in _fixed_sequence(scores, members, confidence_level, correlation):
        taken = scores >= threshold
        if risk_upper_bound(wrong[taken], members[taken], confidence_level, correlation) > risk:
            break
        found = float(threshold)
    return found


def risk_upper_bound(
    wrong: npt.ArrayLike, groups: npt.ArrayLike, confidence_level: float = 0.95, correlation: float = 0.0
) -> float:
    """A bound below which the share of wrong tags of new groups lies with probability ``confidence_level``.

    Args:
        wrong: (N,) bool, of accepted tags; or how probably each is wrong.
        groups: (N,) int64. Of a single group nothing follows for others: the bound is 1.
        confidence_level: 0 to 1.
        correlation: the least intraclass correlation to reckon with, 0 to 1.

    Raises:
        DataError: no tags.
    """
    sizes, errors = _by_group(wrong, groups)
    n, g = sizes.sum(), len(sizes)
    if g < 2:
        return 1.0
    share = errors.sum() / n
    effect = max(_design_effect(sizes, errors), 1 + (_mean_cluster_size(sizes) - 1) * correlation, 1.0)
    trials = (
        n / effect * (stdtrit(n - 1, confidence_level) / stdtrit(g - 1, confidence_level)) ** 2
    )  # quantiles of Student's t
    return float(betaincinv(share * trials + 1, (1 - share) * trials, confidence_level)) if share < 1 else 1.0


def intraclass_correlation(wrong: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """How alike answers of one group are, 0 (not at all) to 1, by the design effect of their share of wrong ones.

    Args:
        wrong: (N,) bool, of all answers.
        groups: (N,) int64.
    """
    sizes, errors = _by_group(wrong, groups)
    crowd = _mean_cluster_size(sizes)
    return float(np.clip((_design_effect(sizes, errors) - 1) / (crowd - 1), 0, 1)) if crowd > 1 else 0.0


def _fixed_sequence(
    scores: Doubles, groups: npt.NDArray[np.int64], confidence_level: float, correlation: float
) -> Doubles:
    """Thresholds from strict to lenient, the first being the one whose bound would be lowest if confidences were true.

    With a stricter one too few tags stand behind the bound, with a more lenient one too many are wrong. Only
    confidences and groups are looked at, so the order is fixed before a label is.
    """
    possible = scores[np.isfinite(scores)]
    if not possible.size:
        return possible
    thresholds = np.unique(np.quantile(possible, 1 - COVERAGE_GRID, method="higher"))[::-1]
    expected = [
        risk_upper_bound(1 - scores[taken], groups[taken], confidence_level, correlation)
        for taken in (scores >= threshold for threshold in thresholds)
    ]
    return np.asarray(thresholds[int(np.argmin(expected)) :])


def _class_risk_bound(
    name: str, wrong: Flags, groups: npt.NDArray[np.int64], risk: float, confidence_level: float, correlation: float
) -> ClassRiskBound:
    bound = risk_upper_bound(wrong, groups, confidence_level, correlation)
    return ClassRiskBound(name=name, n_accepted=len(wrong), n_errors=int(wrong.sum()), bound=bound, holds=bound <= risk)


def _by_group(wrong: npt.ArrayLike, groups: npt.ArrayLike) -> tuple[Doubles, Doubles]:
    """(G,) photos and (G,) wrong tags of each group."""
    flags = np.asarray(wrong, dtype=np.float64)
    if not flags.size:
        raise DataError("a bound wants answers, and got none. Give some.")
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    return np.bincount(places).astype(np.float64), np.bincount(places, flags).astype(np.float64)


def _mean_cluster_size(sizes: Doubles) -> float:
    """Photos of the group that a photo belongs to, mean over the photos."""
    return float((sizes**2).sum() / sizes.sum())


def _design_effect(sizes: Doubles, errors: Doubles) -> float:
    """Variance of the share of wrong tags by that of independent ones: linearised, groups drawn anew (Kish 1965)."""
    n, g = sizes.sum(), len(sizes)
    share = errors.sum() / n
    if not 0 < share < 1 or g < 2:
        return 1.0
    return float(g / (g - 1) * ((errors - share * sizes) ** 2).sum() / (n * share * (1 - share)))


def _check_inputs(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[Doubles, Flags, npt.NDArray[np.int64]]:
    """Confidences, what is wrong, and groups, one of each an answer."""
    scores, wrong = np.asarray(confidence, dtype=np.float64), ~np.asarray(correct, dtype=bool)
    members = np.asarray(groups)
    if not scores.size or not scores.shape == wrong.shape == members.shape:
        raise DataError(
            f"a promise wants answers with a verdict and a group each, and got {scores.size} answers, "
            f"{wrong.size} verdicts and {members.size} groups."
        )
    return scores, wrong, members
