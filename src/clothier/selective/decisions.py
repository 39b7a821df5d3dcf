"""When a tag may stand and when a person is asked. numpy only: tagging needs it, and so does the gate of a report.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.selective.ood import auroc
from clothier.selective.thresholds import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.selective.thresholds import Thresholds
    from clothier.types import Decision, Labels

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

UNPROVEN = "unproven for this catalogue until clothier calibrate has seen photos of it"


@dataclass(frozen=True, slots=True)
class Verdict:
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
    probabilities: npt.ArrayLike, novelty: npt.ArrayLike | None, thresholds: Thresholds, classes: Sequence[str]
) -> list[Verdict]:
    """A verdict for each of N photos.

    Args:
        probabilities: (N, K), calibrated, rows sum to 1.
        novelty: (N,), higher is stranger; None where the model has no novelty score.
        thresholds: of the model's card.
        classes: the K names.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    strange = np.full(len(shares), -np.inf) if novelty is None else np.asarray(novelty, dtype=np.float64)
    return [_verdict(float(top), float(score), thresholds, len(classes)) for top, score in _tops(shares, strange)]


def accepted(probabilities: npt.ArrayLike, novelty: npt.ArrayLike | None, thresholds: Thresholds) -> Flags:
    """(N,) bool: where :func:`decide` accepts."""
    shares = np.asarray(probabilities, dtype=np.float64)
    if thresholds.accept is None:
        return np.zeros(len(shares), dtype=bool)
    return np.asarray((shares.max(axis=1) >= thresholds.accept) & familiar(novelty, thresholds.reject, len(shares)))


def familiar(novelty: npt.ArrayLike | None, reject: float | None, n: int) -> Flags:
    """(N,) bool: where nothing speaks against a photo showing one of the classes."""
    if novelty is None or reject is None:
        return np.ones(n, dtype=bool)
    return np.asarray(np.asarray(novelty, dtype=np.float64) <= reject)


def risk_coverage(confidence: npt.ArrayLike, right: npt.ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of N answers.

    Args:
        confidence: (N,), higher is surer.
        right: (N,) bool.
    """
    scores, correct = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
    order = np.argsort(-scores, kind="stable")
    falling, wrong = scores[order], np.cumsum(~correct[order])
    last = np.append(falling[1:] != falling[:-1], True)  # of equal confidences all are accepted or none
    taken = np.flatnonzero(last) + 1
    risk = wrong[last] / taken
    coverage = taken / len(scores)
    return RiskCoverage(falling[last], coverage, risk, float(risk @ np.diff(coverage, prepend=0.0)))


def held_to(
    probabilities: npt.ArrayLike,
    novelty: npt.ArrayLike | None,
    labels: Labels,
    thresholds: Thresholds,
    right: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """How a model that abstains fares on labelled photos: what ``evaluate --json`` says of it.

    Args:
        probabilities: (N, K), calibrated.
        novelty: (N,) scores, or None.
        labels: (N,) int64; -1 is outside the model's classes.
        thresholds: of the model's card.
        right: (N,) bool, where an answer counts as right; None compares the most probable class with the label.

    Returns:
        ``coverage`` (share of the photos inside the classes that are accepted), ``selective_risk`` (share of wrong tags
        among those), ``selective_risk_open`` (photos outside the classes that are accepted counted as wrong as well),
        ``promise`` and ``novelty_auroc``; None where nothing defines a figure.
    """
    shares, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    taken, inside = accepted(shares, novelty, thresholds), truth >= 0
    correct = inside & (shares.argmax(axis=1) == truth if right is None else np.asarray(right, dtype=bool))
    mixed = novelty is not None and inside.any() and not inside.all()
    scores = np.asarray(novelty, dtype=np.float64) if mixed else np.empty(0)
    return {
        "coverage": _share(taken[inside]),
        "selective_risk": _share(~correct[taken & inside]),
        "selective_risk_open": _share(~correct[taken]),
        "promise": {**thresholds.promise.to_json(), "own": thresholds.own} if thresholds.promise else None,
        "novelty_auroc": auroc(scores[inside], scores[~inside]) if mixed else None,
    }


def _share(flags: Flags) -> float | None:
    return float(flags.mean()) if flags.size else None


def _tops(shares: Doubles, strange: Doubles) -> Iterator[tuple[np.float64, np.float64]]:
    return zip(shares.max(axis=1) if len(shares) else shares[:, 0], strange, strict=True)


def _verdict(top: float, score: float, thresholds: Thresholds, classes: int) -> Verdict:
    """Strangers first: how sure a classifier is says nothing of what it has never seen."""
    if thresholds.reject is not None and not score <= thresholds.reject:
        return Verdict("reject", _strange(score, thresholds, classes))
    if thresholds.accept is None:
        return Verdict("review", _nothing(thresholds))
    sure, wanted = percent(round(100 * top, 1)), percent(round(100 * thresholds.accept, 1))
    if top >= thresholds.accept:
        return Verdict("accept", f"{sure} reaches the {wanted} from where {_means(thresholds)}")
    return Verdict("review", f"{sure} does not reach the {wanted} from where {_means(thresholds)}")


def _strange(score: float, thresholds: Thresholds, classes: int) -> str:
    proof = "" if thresholds.own else f"; the limit is {UNPROVEN}"
    limit = f"{thresholds.reject:.3g}, which {percent(100 * thresholds.known)} of the known garments keep"
    return f"its novelty of {score:.3g} is above {limit}: it looks like none of the {classes} classes{proof}"


def _nothing(thresholds: Thresholds) -> str:
    if thresholds.promise is None:
        return "the model has no threshold for accepting, so every tag goes to a person"
    return f"no probability proves that {thresholds.promise.sentence()}, so every tag goes to a person"


def _means(thresholds: Thresholds) -> str:
    if thresholds.promise is None:
        return "tags are accepted without a promise"
    proof = "proven on your own photos" if thresholds.own else UNPROVEN
    return f"{thresholds.promise.sentence()}; {proof}"
