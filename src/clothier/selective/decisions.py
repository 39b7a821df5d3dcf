"""Decisions on tags (accept, review, reject) and the metrics of a model that may abstain. numpy only.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.metrics import auroc
from clothier.selective.shift import shift_reason
from clothier.selective.thresholds import format_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from clothier.selective.thresholds import Thresholds
    from clothier.types import BoolArray, CatalogueShift, Decision, Float64Array, Labels

CALIBRATE_HINT = (
    "The limits are from cross-validation on the training photos. For yours, run `clothier calibrate` on 300 or more "
    "reviewed photos."
)
CHANCE = 0.05  # that accepted tags without an error are chance, above which nothing is said of the guarantee
MAX_DIGITS = 15  # significant ones of a float
UNLIKE_HINT = (
    "Nothing is accepted until `clothier calibrate` or `clothier train photo` has seen reviewed photos of this kind."
)
TRUSTED_HINT = "It was accepted because of --trust-model."


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """Accept, review (by a person) or reject (probably none of the classes) a tag; and why, with the numbers."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """The risk-coverage curve.

    Attributes:
        thresholds: (M,) float64, falling: the distinct confidences.
        coverage: (M,) float64, rising to 1: fraction of photos with at least that confidence.
        risk: (M,) float64: fraction of wrong tags among those.
    """

    thresholds: Float64Array
    coverage: Float64Array
    risk: Float64Array


def decide(
    probabilities: npt.ArrayLike, ood_scores: npt.ArrayLike | None, thresholds: Thresholds, classes: Sequence[str]
) -> list[DecisionResult]:
    """A decision on each of N tags, from calibrated probabilities (N, K).

    ``ood_scores`` (N,) are higher further from the training photos; None if the model has no OOD score.
    """
    calibrated = np.asarray(probabilities, dtype=np.float64)
    top, names = calibrated.max(axis=1), [classes[label] for label in calibrated.argmax(axis=1)]
    scores = np.full(len(top), -np.inf) if ood_scores is None else np.asarray(ood_scores, dtype=np.float64)
    in_distribution = is_in_distribution(ood_scores, thresholds.max_ood, len(top))
    accepted = is_accepted(probabilities, ood_scores, thresholds)
    results = []
    for name, probability, score, is_known, is_sure in zip(names, top, scores, in_distribution, accepted, strict=True):
        if not is_known:  # first: the probability says nothing about a photo of none of the classes
            results.append(DecisionResult("reject", _ood_reason(score, thresholds)))
        elif thresholds.min_probability is None:
            results.append(DecisionResult("review", _no_threshold_reason(thresholds)))
        else:
            results.append(_compare(name, float(probability), thresholds.min_probability, is_sure, thresholds))
    return results


def describe_limits(thresholds: Thresholds) -> str:
    """What the limits of the decisions guarantee, and what they come from; a sentence or two."""
    accepted = "Nothing is accepted." if thresholds.min_probability is None else "Accepted tags: no risk guarantee."
    if thresholds.guarantee:
        accepted = f"Accepted tags: {thresholds.guarantee.summary()}."
    recall = f" {format_percent(thresholds.id_recall)} of photos like the training photos are within the OOD limit."
    source = "The limits were calibrated on your own photos." if thresholds.user_calibrated else CALIBRATE_HINT
    return f"{accepted}{'' if thresholds.max_ood is None else recall} {source}"


def hold_back(result: DecisionResult, shift: CatalogueShift | None, *, trusted: bool) -> DecisionResult:
    """A decision on a photo of a tested catalogue: in an unlike one, accept becomes review.

    ``trusted`` is whether the user asked to accept nevertheless; the reason then says so. ``shift`` is None where
    nothing was tested.
    """
    if shift is None or not shift.unlike or result.decision != "accept":
        return result
    if trusted:
        return replace(result, reason=f"{result.reason} {shift_reason(shift)} {TRUSTED_HINT}")
    return DecisionResult("review", f"Review: {shift_reason(shift)} {UNLIKE_HINT}")


def hold_to_limit(
    result: DecisionResult, name: str, probability: float, limits: Mapping[str, float | None]
) -> DecisionResult:
    """A decision on a tag of the class ``name``: accept becomes review below the catalogue's own limit of the class.

    ``limits`` are probabilities from which a class is accepted, None for never; other classes have none.
    """
    if result.decision != "accept" or name not in limits:
        return result
    limit = limits[name]
    if limit is None:
        return DecisionResult("review", f"Review: {name} is always reviewed in this catalogue.")
    if probability >= limit:
        return result
    top, least = (f"{one} %" for one in _distinct(100 * probability, 100 * limit))
    return DecisionResult("review", f"Review: {top} < {least}, the limit of this catalogue for {name}.")


def describe_class_limits(limits: Mapping[str, float | None]) -> str:
    """The limits in a sentence, and what they mean for the guarantee; empty without limits."""
    if not limits:
        return ""
    never = [name for name, limit in limits.items() if limit is None]
    least = [f"{name} from {format_percent(limit)}" for name, limit in limits.items() if limit is not None]
    parts = [*([f"never {', '.join(never)}"] if never else []), *least]
    return (
        f"Limits of this catalogue: {'; '.join(parts)}. The guarantee is on all tags that the model's thresholds "
        "accept; how many of the rest are wrong, the reviews of the random sample say (clothier review --stats)."
    )


def is_accepted(probabilities: npt.ArrayLike, ood_scores: npt.ArrayLike | None, thresholds: Thresholds) -> BoolArray:
    """(N,) bool: the tags that :func:`decide` accepts."""
    top = np.asarray(probabilities, dtype=np.float64).max(axis=1)
    if thresholds.min_probability is None:
        return np.zeros(len(top), dtype=bool)
    in_distribution = is_in_distribution(ood_scores, thresholds.max_ood, len(top))
    return np.asarray((top >= thresholds.min_probability) & in_distribution)


def is_in_distribution(ood_scores: npt.ArrayLike | None, max_ood: float | None, n: int) -> BoolArray:
    """(N,) bool: photos with an OOD score of at most ``max_ood``; all of them without scores or limit."""
    if ood_scores is None or max_ood is None:
        return np.ones(n, dtype=bool)
    return np.asarray(np.asarray(ood_scores, dtype=np.float64) <= max_ood)


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of N predictions."""
    scores, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=bool)
    order = np.argsort(-scores, kind="stable")
    falling, n_errors = scores[order], np.cumsum(~correct[order])
    last = np.append(falling[1:] != falling[:-1], True)  # equal confidences are accepted together
    n_accepted = np.flatnonzero(last) + 1
    return RiskCoverage(falling[last], n_accepted / len(scores), n_errors[last] / n_accepted)


def selective_metrics(
    probabilities: npt.ArrayLike,
    ood_scores: npt.ArrayLike | None,
    labels: Labels,
    thresholds: Thresholds,
    correct: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Metrics of a model that may abstain, on labeled photos, as ``evaluate --json`` prints them.

    Labels are -1 for photos of none of the model's classes. ``correct`` (N,) bool is where a prediction counts as
    correct; None where the most probable class is the label.

    Returns:
        ``coverage`` (fraction of the in-distribution photos that are accepted), ``n_accepted`` (their number),
        ``selective_risk`` (fraction of wrong tags among those), ``selective_risk_open`` (the same with accepted photos
        of no class counted as wrong), ``n_ood`` and ``n_ood_accepted`` (photos of no class, and how many were
        accepted), ``guarantee`` and ``novelty_auroc``; None where a metric is undefined.
    """
    probabilities, labeled = np.asarray(probabilities, dtype=np.float64), np.asarray(labels) >= 0
    accepted = is_accepted(probabilities, ood_scores, thresholds)
    matches = probabilities.argmax(axis=1) == labels if correct is None else np.asarray(correct, dtype=bool)
    wrong = ~(labeled & matches)
    scores = None if ood_scores is None or labeled.all() or not labeled.any() else np.asarray(ood_scores, np.float64)
    return {
        "coverage": _mean_or_none(accepted[labeled]),
        "n_accepted": int(accepted[labeled].sum()),
        "selective_risk": _mean_or_none(wrong[accepted & labeled]),
        "selective_risk_open": _mean_or_none(wrong[accepted]),
        "n_ood": int((~labeled).sum()),
        "n_ood_accepted": int(accepted[~labeled].sum()),
        "guarantee": guarantee_json(thresholds),
        "novelty_auroc": None if scores is None else auroc(scores[labeled], scores[~labeled]),
    }


def too_few_to_tell(n_accepted: int, risk: float) -> bool:
    """Whether so few accepted tags, if none is wrong, are likely (above 5 %) even where ``risk`` is exceeded."""
    return (1 - risk) ** n_accepted > CHANCE


def guarantee_json(thresholds: Thresholds) -> dict[str, Any] | None:
    """The guarantee as ``--json`` prints it: with whether it was calibrated on the user's own photos."""
    if thresholds.guarantee is None:
        return None
    return {**thresholds.guarantee.to_json(), "user_calibrated": thresholds.user_calibrated}


def _mean_or_none(flags: BoolArray) -> float | None:
    return float(flags.mean()) if flags.size else None


def _compare(
    name: str, probability: float, min_probability: float, accepted: bool, thresholds: Thresholds
) -> DecisionResult:
    top, limit = (f"{one} %" for one in _distinct(100 * probability, 100 * min_probability))
    parent = thresholds.guarantee.counted_as.get(name) if thresholds.guarantee else None
    broader = f"; {name} counts as right for any {parent}" if parent else ""
    if accepted:
        return DecisionResult("accept", f"Accepted: {top} >= threshold {limit}{broader}.")
    return DecisionResult("review", f"Review: {top} < threshold {limit}{broader}.")


def _ood_reason(ood_score: float, thresholds: Thresholds) -> str:
    score, limit = _distinct(ood_score, float(thresholds.max_ood or 0))
    return f"Rejected: OOD score {score} > {limit}: unlike the training photos."


def _distinct(value: float, limit: float) -> tuple[str, str]:
    """Both with three significant digits, or with as many as tell them apart."""
    digits = next((n for n in range(3, MAX_DIGITS) if f"{value:.{n}g}" != f"{limit:.{n}g}"), 3)
    return f"{value:.{digits}g}", f"{limit:.{digits}g}"


def _no_threshold_reason(thresholds: Thresholds) -> str:
    if thresholds.guarantee is None:
        return "Review: the model has no threshold for accepting."
    return f"Review: no threshold meets the guarantee ({thresholds.guarantee.summary()})."
