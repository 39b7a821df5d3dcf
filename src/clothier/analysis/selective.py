"""When a tag may stand and when a person is asked. numpy only: tagging needs it, and so does the gate of a report.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.analysis.novelty import auroc
from clothier.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from clothier.records import Decision, Labels

    Doubles = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

UNPROVEN = "unproven for this catalogue until clothier calibrate has seen photos of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPromise:
    """What can be said of the accepted tags of one class.

    Attributes:
        name: the class.
        accepted: calibration photos that were accepted as it, 59 or more.
        wrong: how many of those tags were wrong.
        bound: upper bound of the share of wrong ones, with the promise's confidence in this class alone.
        kept: whether the bound keeps the promised risk.
    """

    name: str
    accepted: int
    wrong: int
    bound: float
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At most ``risk`` of the accepted tags are wrong, with ``confidence``; and what stands behind it.

    Attributes:
        risk: the promised share of wrong tags among all accepted ones, 0 to 1.
        confidence: of the promise, 0 to 1.
        bound: upper bound of that share at the threshold that was found; None where no threshold keeps the promise.
        observed: share of wrong tags among the accepted calibration photos; None likewise.
        coverage: share of the calibration photos that were accepted; 0 where none may be.
        photos: calibration photos.
        accepted: how many of them were accepted.
        groups: photographers (or product lines), each resampled as a whole.
        grouped_by: what a group is; ``photo`` where every photo stands for itself.
        method: the published method, in a few words.
        classes: promises of single classes, where enough accepted photos stand behind them.
    """

    risk: float
    confidence: float
    bound: float | None
    observed: float | None
    coverage: float
    photos: int
    accepted: int
    groups: int
    grouped_by: str
    method: str
    classes: tuple[ClassPromise, ...] = ()

    def sentence(self) -> str:
        """The promise in plain words."""
        risk, confidence = (_percent(100 * share) for share in (self.risk, self.confidence))
        return f"at most {risk} of the accepted tags are wrong, with {confidence} confidence"

    def to_json(self) -> dict[str, Any]:
        """As a card and ``--json`` hold it."""
        return {**asdict(self), "classes": [asdict(one) for one in self.classes]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Promise:
        """Reads what :meth:`to_json` wrote."""
        classes = tuple(ClassPromise(**one) for one in values.get("classes", ()))
        return cls(**{**values, "classes": classes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a tag is accepted, goes to a person, or looks like none of the classes.

    Attributes:
        accept: the least calibrated probability of an accepted tag; None accepts nothing.
        reject: the highest novelty score of a garment that is taken for known; None looks for no strangers.
        known: share of known garments that stay at or below ``reject``.
        promise: what acceptance promises; None where nothing was promised.
        own: whether all this was fitted on the user's own photos.
    """

    accept: float | None
    reject: float | None = None
    known: float = 0.95
    promise: Promise | None = None
    own: bool = False

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "promise": self.promise.to_json() if self.promise else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Thresholds | None:
        """Reads a card's ``thresholds``; None where it has none.

        Raises:
            ModelError: they are not what :meth:`to_json` writes.
        """
        if not values:
            return None
        try:
            promise = Promise.from_json(values["promise"]) if values.get("promise") else None
            return cls(**{**values, "promise": promise})
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"the card's thresholds are damaged: {error}. Calibrate the model again.") from error


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


def _percent(share: float) -> str:
    """``5 %`` or ``84.3 %``; six digits hide what floats add."""
    return f"{share:.6g} %"


def _tops(shares: Doubles, strange: Doubles) -> Iterator[tuple[np.float64, np.float64]]:
    return zip(shares.max(axis=1) if len(shares) else shares[:, 0], strange, strict=True)


def _verdict(top: float, score: float, thresholds: Thresholds, classes: int) -> Verdict:
    """Strangers first: how sure a classifier is says nothing of what it has never seen."""
    if thresholds.reject is not None and not score <= thresholds.reject:
        return Verdict("reject", _strange(score, thresholds, classes))
    if thresholds.accept is None:
        return Verdict("review", _nothing(thresholds))
    sure, wanted = _percent(round(100 * top, 1)), _percent(round(100 * thresholds.accept, 1))
    if top >= thresholds.accept:
        return Verdict("accept", f"{sure} reaches the {wanted} from where {_means(thresholds)}")
    return Verdict("review", f"{sure} does not reach the {wanted} from where {_means(thresholds)}")


def _strange(score: float, thresholds: Thresholds, classes: int) -> str:
    proof = "" if thresholds.own else f"; the limit is {UNPROVEN}"
    return (
        f"its novelty of {score:.3g} is above {thresholds.reject:.3g}, which "
        f"{_percent(100 * thresholds.known)} of the known garments keep: it looks like none of the {classes} classes{proof}"
    )


def _nothing(thresholds: Thresholds) -> str:
    if thresholds.promise is None:
        return "the model has no threshold for accepting, so every tag goes to a person"
    return f"no probability proves that {thresholds.promise.sentence()}, so every tag goes to a person"


def _means(thresholds: Thresholds) -> str:
    if thresholds.promise is None:
        return "tags are accepted without a promise"
    proof = "proven on your own photos" if thresholds.own else UNPROVEN
    return f"{thresholds.promise.sentence()}; {proof}"
