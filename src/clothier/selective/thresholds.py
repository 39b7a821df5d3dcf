"""What a card says of when to ask a person: thresholds, and the promise that stands behind them. Plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clothier.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRiskBound:
    """What can be said of the accepted tags of one class.

    Attributes:
        name: the class.
        n_accepted: calibration photos that were accepted as it, 59 or more.
        n_errors: how many of those tags were wrong.
        bound: upper bound of the share of wrong ones, with the promise's confidence in this class alone.
        holds: whether the bound keeps the promised risk.
    """

    name: str
    n_accepted: int
    n_errors: int
    bound: float
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGuarantee:
    """At most ``risk`` of the accepted tags are wrong, with ``confidence_level``; and what stands behind it.

    Attributes:
        risk: the promised share of wrong tags among all accepted ones, 0 to 1.
        confidence_level: of the promise, 0 to 1.
        bound: upper bound of that share at the threshold that was found; None where no threshold keeps the promise.
        empirical_risk: share of wrong tags among the accepted calibration photos; None likewise.
        coverage: share of the calibration photos that were accepted; 0 where none may be.
        n: calibration photos.
        n_accepted: how many of them were accepted.
        n_groups: photographers (or product lines), each resampled as a whole.
        grouped_by: what a group is; ``photo`` where every photo stands for itself.
        method: the published method, in a few words.
        per_class: promises of single classes, where enough accepted photos stand behind them.
    """

    risk: float
    confidence_level: float
    bound: float | None
    empirical_risk: float | None
    coverage: float
    n: int
    n_accepted: int
    n_groups: int
    grouped_by: str
    method: str
    per_class: tuple[ClassRiskBound, ...] = ()

    def summary(self) -> str:
        """The promise in plain words."""
        risk, confidence = (format_percent(100 * share) for share in (self.risk, self.confidence_level))
        return f"at most {risk} of the accepted tags are wrong, with {confidence} confidence"

    def to_json(self) -> dict[str, Any]:
        """As a card and ``--json`` hold it."""
        return {**asdict(self), "per_class": [asdict(one) for one in self.per_class]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RiskGuarantee:
        """Reads what :meth:`to_json` wrote."""
        classes = tuple(ClassRiskBound(**one) for one in values.get("per_class", ()))
        return cls(**{**values, "per_class": classes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a tag is accepted, goes to a person, or looks like none of the classes.

    Attributes:
        min_probability: the least calibrated probability of an accepted tag; None accepts nothing.
        max_ood: the highest novelty score of a garment that is taken for known; None looks for no strangers.
        id_recall: share of known garments that stay at or below ``max_ood``.
        guarantee: what acceptance promises; None where nothing was promised.
        user_calibrated: whether all this was fitted on the user's own photos.
    """

    min_probability: float | None
    max_ood: float | None = None
    id_recall: float = 0.95
    guarantee: RiskGuarantee | None = None
    user_calibrated: bool = False

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "guarantee": self.guarantee.to_json() if self.guarantee else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Thresholds | None:
        """Reads a card's ``thresholds``; None where it has none.

        Raises:
            ModelError: they are not what :meth:`to_json` writes.
        """
        if not values:
            return None
        try:
            promise = RiskGuarantee.from_json(values["guarantee"]) if values.get("guarantee") else None
            return cls(**{**values, "guarantee": promise})
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"the card's thresholds are damaged: {error}. Calibrate the model again.") from error


def format_percent(percentage: float) -> str:
    """``5 %`` or ``84.3 %``; six digits hide what floats add."""
    return f"{percentage:.6g} %"
