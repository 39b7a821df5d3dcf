"""The thresholds in a model's card, and the risk guarantee that they meet."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clothier.errors import ModelError, UsageError
from clothier.recipes.loader import from_values

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RISK = 0.05
MIN_CONFIDENCE_LEVEL = 0.5  # at which Student's t is 0, so that the bound of an error rate means nothing
AUTO_RISK = "auto"  # in place of a risk: the strictest that is proven with half of the photos accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedClass:
    """The accepted tags of one class.

    Attributes:
        name: of the class.
        n_accepted: calibration photos with an accepted tag of this class.
        n_errors: how many of these tags are wrong.
        guaranteed: whether the risk guarantee was also proven for this class alone. False says nothing against the
            class: its photos may be too few to prove it.
    """

    name: str
    n_accepted: int
    n_errors: int
    guaranteed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvableRisk:
    """A risk, and what the calibration photos prove about it.

    Attributes:
        risk: upper limit of the fraction of wrong tags among the accepted ones, 0 to 1.
        min_probability: the threshold from which on it is proven; None if it is not.
        coverage: fraction of the calibration photos that are accepted from there on; 0 if it is not proven.
        more_photos: about how many more reviewed photos prove it with half of the photos accepted, at the error rate of
            these; 0 if it is proven, None if no number does.
    """

    risk: float
    min_probability: float | None
    coverage: float
    more_photos: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGuarantee:
    """At most ``risk`` of the accepted tags are wrong, with ``confidence_level``; and the data behind it.

    It is proven for photos that show one of the model's classes. What happens to others, ``n_ood_accepted`` says.

    Attributes:
        risk: guaranteed upper limit of the fraction of wrong tags among the accepted ones, 0 to 1.
        confidence_level: of the guarantee, 0 to 1.
        empirical_risk: fraction of wrong tags among the accepted calibration photos; None if no threshold meets the
            guarantee.
        coverage: fraction of the calibration photos that were accepted; 0 if there is no threshold.
        n: calibration photos that show one of the classes.
        n_accepted: how many of them were accepted.
        n_groups: photographers (or products) in them.
        grouped_by: what a group is; ``photo`` if every photo is its own group.
        method: the published method, in a few words.
        per_class: the accepted tags by class.
        n_ood: calibration photos of none of the classes.
        n_ood_accepted: how many of them were accepted.
        counted_as: subclass to its parent class, where the photos are labeled with parents only: such a tag counts as
            right if its parent is.
        open_risk: fraction of wrong tags among all accepted photos, those of none of the classes included; None if
            nothing was accepted or there are no such photos.
        is_strictest: whether the risk is not the user's, but the strictest that is proven with half accepted.
        more_photos: see :class:`ProvableRisk`.
        strictest: the strictest risk that is proven with half of the photos accepted; None without one.
        provable: what is proven for other risks. All rows hold at once with ``confidence_level``, so any may be chosen
            after reading them.
    """

    risk: float
    confidence_level: float
    empirical_risk: float | None
    coverage: float
    n: int
    n_accepted: int
    n_groups: int
    grouped_by: str
    method: str
    per_class: tuple[AcceptedClass, ...] = ()
    n_ood: int = 0
    n_ood_accepted: int = 0
    open_risk: float | None = None
    counted_as: dict[str, str] = field(default_factory=dict)
    is_strictest: bool = False
    more_photos: int | None = None
    strictest: ProvableRisk | None = None
    provable: tuple[ProvableRisk, ...] = ()

    def summary(self) -> str:
        """Such as ``at most 5 % errors on photos of its classes, 95 % confidence``."""
        confidence = f"{format_percent(self.confidence_level)} confidence"
        return f"at most {format_percent(self.risk)} errors on photos of its classes, {confidence}"

    def to_json(self) -> dict[str, Any]:
        """As a card and ``--json`` hold it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a tag is accepted, reviewed by a person, or rejected.

    Attributes:
        min_probability: the lowest calibrated probability of an accepted tag; None accepts nothing.
        max_ood: the highest OOD score of a photo that is not rejected; None rejects nothing.
        id_recall: fraction of in-distribution photos with an OOD score of at most ``max_ood``.
        guarantee: of the accepted tags; None without one.
        user_calibrated: whether all this was fitted on the user's own photos.

    Raises:
        UsageError: a fraction that is not from 0 to 1, or a ``max_ood`` that is not finite; NaN is neither.
    """

    min_probability: float | None
    max_ood: float | None = None
    id_recall: float = 0.95
    guarantee: RiskGuarantee | None = None
    user_calibrated: bool = False

    def __post_init__(self) -> None:
        guarantee = self.guarantee
        fractions = {"min_probability": self.min_probability, "id_recall": self.id_recall}
        fractions |= {"risk": guarantee.risk, "confidence_level": guarantee.confidence_level} if guarantee else {}
        for name, value in fractions.items():
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"the {name} of thresholds is {value!r}, which must be 0 to 1.")
        if self.max_ood is not None and not math.isfinite(self.max_ood):
            raise UsageError(f"the max_ood of thresholds is {self.max_ood!r}, which must be a finite number.")

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "guarantee": self.guarantee.to_json() if self.guarantee else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Thresholds | None:
        """Reads a card's ``thresholds``; None if the card has none.

        Raises:
            ModelError: they are not the result of :meth:`to_json`.
        """
        if not values:
            return None
        try:
            return from_values(cls, values, "the card's thresholds")
        except UsageError as error:
            raise ModelError(f"the card's thresholds are damaged: {error} Calibrate the model again.") from error


def format_percent(fraction: float) -> str:
    """``5 %`` or ``84.3 %``; six significant digits hide floating-point errors."""
    return f"{100 * fraction:.6g} %"


def classes_alone(guarantee: Mapping[str, Any]) -> str:
    """For which classes alone a guarantee, as JSON has it, also holds; "" for none.

    Such as: The guarantee also holds for Pants alone and for Shorts alone.
    """
    names = [f"for {one['name']} alone" for one in guarantee["per_class"] if one["guaranteed"]]
    *first, last = names or [""]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"The guarantee also holds {listed}." if names else ""


def attainable(guarantee: Mapping[str, Any]) -> str:
    """What can be proven where a guarantee, as JSON has it, is not met; "" where it is met.

    Such as: With these 280 photos, at most 14 % wrong at 62 % coverage can be proven (--risk auto). For at most 5 %,
    about 700 more reviewed photos are needed.
    """
    if guarantee["empirical_risk"] is not None:
        return ""
    strictest, more = guarantee["strictest"], guarantee["more_photos"]
    sentences = [f"With these {guarantee['n']:,} photos, no risk can be proven with half of them accepted."]
    if strictest:
        found = f"at most {format_percent(strictest['risk'])} wrong at {100 * strictest['coverage']:.0f} % coverage"
        sentences = [f"With these {guarantee['n']:,} photos, {found} can be proven (--risk auto)."]
    asked = f"For at most {format_percent(guarantee['risk'])}"
    if more:
        sentences.append(f"{asked}, about {more:,} more reviewed photos are needed.")
    elif more is None:
        sentences.append(f"{asked}, more photos are not enough: the model must become more accurate.")
    return " ".join(sentences)
