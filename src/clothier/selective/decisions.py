"""When a tag may stand and when a person is asked. numpy only: tagging needs it, and so does the gate of a report.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.selective.ood import auroc
from clothier.selective.thresholds import format_percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.selective.thresholds import Thresholds
    from clothier.types import Decision, Labels

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

NOT_CALIBRATED = "unproven for this catalogue until clothier calibrate has seen photos of it"


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What to do with one tag.

    Attributes:
        decision: ``accept``, ``review`` (ask a person) or ``reject`` (it looks like none of the classes).
        reason: one sentence with the figures.
    """

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """How many tags are wrong, by how many are accepted.

    Attributes:
        thresholds: (M,) float64, falling: the distinct confidences.
        coverage: (M,) float64, rising to 1: share of photos with at least that confidence.
        risk: (M,) float64: share of wrong tags among those.
        aurc: area under the curve: the mean risk over all coverages (Geifman et al. 2019, arXiv 1805.08206).
    """

    thresholds: Doubles
    coverage: Doubles
    risk: Doubles
    aurc: float


def decide(
    probabilities: npt.ArrayLike, ood_scores: npt.ArrayLike | None, thresholds: Thresholds, classes: Sequence[str]
) -> list[DecisionResult]:
    """A verdict for each of N photos.

    Args:
        probabilities: (N, K), calibrated, rows sum to 1.
        ood_scores: (N,), higher is stranger; None where the model has no novelty score.
        thresholds: of the model's card.
        classes: the K names.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    strange = np.full(len(shares), -np.inf) if ood_scores is None else np.asarray(ood_scores, dtype=np.float64)
    return [
        _decide_one(float(top), float(score), thresholds, len(classes))
        for top, score in _top_probabilities(shares, strange)
    ]


def is_accepted(probabilities: npt.ArrayLike, ood_scores: npt.ArrayLike | None, thresholds: Thresholds) -> Flags:
    """(N,) bool: where :func:`decide` accepts."""
    shares = np.asarray(probabilities, dtype=np.float64)
    if thresholds.min_probability is None:
        return np.zeros(len(shares), dtype=bool)
    return np.asarray(
        (shares.max(axis=1) >= thresholds.min_probability)
        & is_in_distribution(ood_scores, thresholds.max_ood, len(shares))
    )


def is_in_distribution(ood_scores: npt.ArrayLike | None, max_ood: float | None, n: int) -> Flags:
    """(N,) bool: where nothing speaks against a photo showing one of the classes."""
    if ood_scores is None or max_ood is None:
        return np.ones(n, dtype=bool)
    return np.asarray(np.asarray(ood_scores, dtype=np.float64) <= max_ood)


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of N answers.

    Args:
        confidence: (N,), higher is surer.
        correct: (N,) bool.
    """
    scores, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=bool)
    order = np.argsort(-scores, kind="stable")
    falling, wrong = scores[order], np.cumsum(~correct[order])
    last = np.append(falling[1:] != falling[:-1], True)  # of equal confidences all are accepted or none
    taken = np.flatnonzero(last) + 1
    risk = wrong[last] / taken
    coverage = taken / len(scores)
    return RiskCoverage(falling[last], coverage, risk, float(risk @ np.diff(coverage, prepend=0.0)))


def selective_metrics(
    probabilities: npt.ArrayLike,
    ood_scores: npt.ArrayLike | None,
    labels: Labels,
    thresholds: Thresholds,
    correct: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """How a model that abstains fares on labelled photos: what ``evaluate --json`` says of it.

    Args:
        probabilities: (N, K), calibrated.
        ood_scores: (N,) scores, or None.
        labels: (N,) int64; -1 is outside the model's classes.
        thresholds: of the model's card.
        correct: (N,) bool, where an answer counts as right; None compares the most probable class with the label.

    Returns:
        ``coverage`` (share of the photos inside the classes that are accepted), ``selective_risk`` (share of wrong tags
        among those), ``selective_risk_open`` (photos outside the classes that are accepted counted as wrong as well),
        ``promise`` and ``novelty_auroc``; None where nothing defines a figure.
    """
    shares, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    taken, inside = is_accepted(shares, ood_scores, thresholds), truth >= 0
    right = inside & (shares.argmax(axis=1) == truth if correct is None else np.asarray(correct, dtype=bool))
    mixed = ood_scores is not None and inside.any() and not inside.all()
    scores = np.asarray(ood_scores, dtype=np.float64) if mixed else np.empty(0)
    return {
        "coverage": _mean_or_none(taken[inside]),
        "selective_risk": _mean_or_none(~right[taken & inside]),
        "selective_risk_open": _mean_or_none(~right[taken]),
        "guarantee": {**thresholds.guarantee.to_json(), "user_calibrated": thresholds.user_calibrated}
        if thresholds.guarantee
        else None,
        "novelty_auroc": auroc(scores[inside], scores[~inside]) if mixed else None,
    }


def _mean_or_none(flags: Flags) -> float | None:
    return float(flags.mean()) if flags.size else None


def _top_probabilities(probabilities: Doubles, ood_scores: Doubles) -> Iterator[tuple[np.float64, np.float64]]:
    return zip(probabilities.max(axis=1) if len(probabilities) else probabilities[:, 0], ood_scores, strict=True)


def _decide_one(probability: float, ood_score: float, thresholds: Thresholds, n_classes: int) -> DecisionResult:
    """Strangers first: how sure a classifier is says nothing of what it has never seen."""
    if thresholds.max_ood is not None and not ood_score <= thresholds.max_ood:
        return DecisionResult("reject", _ood_reason(ood_score, thresholds, n_classes))
    if thresholds.min_probability is None:
        return DecisionResult("review", _no_threshold_reason(thresholds))
    sure, wanted = (
        format_percent(round(100 * probability, 1)),
        format_percent(round(100 * thresholds.min_probability, 1)),
    )
    if probability >= thresholds.min_probability:
        return DecisionResult("accept", f"{sure} reaches the {wanted} from where {_guarantee_clause(thresholds)}")
    return DecisionResult("review", f"{sure} does not reach the {wanted} from where {_guarantee_clause(thresholds)}")


def _ood_reason(ood_score: float, thresholds: Thresholds, n_classes: int) -> str:
    proof = "" if thresholds.user_calibrated else f"; the limit is {NOT_CALIBRATED}"
    limit = f"{thresholds.max_ood:.3g}, which {format_percent(100 * thresholds.id_recall)} of the known garments keep"
    return f"its novelty of {ood_score:.3g} is above {limit}: it looks like none of the {n_classes} classes{proof}"


def _no_threshold_reason(thresholds: Thresholds) -> str:
    if thresholds.guarantee is None:
        return "the model has no threshold for accepting, so every tag goes to a person"
    return f"no probability proves that {thresholds.guarantee.summary()}, so every tag goes to a person"


def _guarantee_clause(thresholds: Thresholds) -> str:
    if thresholds.guarantee is None:
        return "tags are accepted without a promise"
    proof = "proven on your own photos" if thresholds.user_calibrated else NOT_CALIBRATED
    return f"{thresholds.guarantee.summary()}; {proof}"
