"""Fits temperature, thresholds and risk guarantee to predictions for photos that the model was not trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold

from clothier.metrics import reliability, softmax
from clothier.selective.decisions import guarantee_json, is_in_distribution, selective_metrics
from clothier.selective.provable_risk import control_risk
from clothier.selective.temperature import cross_fit, fit_temperature
from clothier.selective.thresholds import DEFAULT_RISK, Thresholds
from clothier.taxonomy import aggregate_to, counted_as, is_right

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.bundle import BundleMetadata
    from clothier.selective.thresholds import RiskGuarantee
    from clothier.types import BoolArray, Float64Array, Int64Array, Labels

CONFIDENCE_LEVEL = 0.95
ID_RECALL = 0.95  # fraction of the photos of known classes that must not be rejected
N_FOLDS = 5  # in which a temperature is fitted to measure its calibration error
DEFAULT_FITTED_ON = "grouped out-of-fold predictions"


class CalibratedCard(NamedTuple):
    """The result of :func:`calibrate_card`.

    Attributes:
        card: with the new temperature and thresholds.
        thresholds: those of the card.
        confidence: (N,) float64, calibrated probabilities of the predictions; -inf where the OOD score is too high.
        correct: (N,) bool, where the tag is the label or a subclass of it; False for photos of no class.
        selective: coverage, risk and AUROC on the same photos (:func:`clothier.selective.decisions.selective_metrics`).
    """

    card: BundleMetadata
    thresholds: Thresholds
    confidence: Float64Array
    correct: BoolArray
    selective: dict[str, Any]


def calibrate_card(
    card: BundleMetadata,
    logits: npt.ArrayLike,
    labels: Labels,
    groups: npt.ArrayLike,
    ood_scores: npt.ArrayLike | None = None,
    *,
    classes: Sequence[str] | None = None,
    risk: float | str = DEFAULT_RISK,
    confidence_level: float = CONFIDENCE_LEVEL,
    fitted_on: str = DEFAULT_FITTED_ON,
    grouped_by: str = "photographer",
    user_calibrated: bool = False,
) -> CalibratedCard:
    """Fits the temperature, the thresholds and the risk guarantee of a model's card.

    The guarantee is on the accepted tags of photos of the model's classes, from unseen groups such as photographers;
    not on a single group, which may be harder than all others, and not on photos of none of the classes, which it only
    counts. If no threshold meets it, no tag will be accepted.

    Args:
        card: of the model.
        logits: (N, K), without a temperature, of models that were not trained on the photo.
        labels: (N,) int64; -1 for photos of none of the classes, which are left out of the fit.
        groups: (N,) int64.
        ood_scores: (N,), of models that were not trained on the photo either; None without such scores.
        classes: the classes of the labels, where they are parent classes of the model's; None for the model's.
        risk: the highest allowed fraction of wrong tags among the accepted ones, 0 to 1; or ``auto``, the strictest
            that can be proven with half of the photos accepted.
        confidence_level: of the guarantee, above 0.5 and below 1.
        fitted_on: what the photos are.
        grouped_by: what a group is; ``photo`` if every photo is its own group.
        user_calibrated: whether the photos are the user's own.

    Raises:
        ClothierError: no labeled photos; ``classes`` are neither the model's nor their parent classes.
    """
    labels, scores = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    labeled = labels >= 0
    aggregation = aggregate_to(np.eye(len(card.classes)), card.classes, classes or card.classes)
    temperature = fit_temperature(scores[labeled], labels[labeled], aggregation)
    probabilities = softmax(scores / temperature)
    correct = is_right(probabilities, labels, card.classes, classes or card.classes)
    max_ood = None if ood_scores is None else _max_ood(np.asarray(ood_scores)[labeled])
    confidence = np.where(is_in_distribution(ood_scores, max_ood, len(labels)), probabilities.max(axis=1), -np.inf)
    groups, predicted = np.asarray(groups), probabilities[labeled].argmax(axis=1)
    photos = (confidence[labeled], predicted, correct[labeled], groups[labeled])
    min_probability, guarantee = control_risk(
        *photos, card.classes, risk=risk, confidence_level=confidence_level, grouped_by=grouped_by
    )
    guarantee = replace(guarantee, counted_as=counted_as(card.classes, classes or card.classes))
    thresholds = Thresholds(
        min_probability=min_probability, max_ood=max_ood, id_recall=ID_RECALL, user_calibrated=user_calibrated
    )
    selective = selective_metrics(probabilities, ood_scores, labels, thresholds, correct)
    thresholds = replace(thresholds, guarantee=_with_ood_counts(guarantee, selective))
    selective["guarantee"] = guarantee_json(thresholds)
    calibration = {"temperature": temperature, "fitted_on": fitted_on, "n": int(labeled.sum())}
    new_card = replace(card, calibration=calibration, thresholds=thresholds.to_json())
    return CalibratedCard(new_card, thresholds, confidence, correct, selective)


def _max_ood(known: Float64Array) -> float:
    """The limit within which are enough of the photos of known classes."""
    return float(np.quantile(known, ID_RECALL, method="higher"))


def _with_ood_counts(guarantee: RiskGuarantee, selective: dict[str, Any]) -> RiskGuarantee:
    return replace(
        guarantee,
        n_ood=selective["n_ood"],
        n_ood_accepted=selective["n_ood_accepted"],
        open_risk=selective["selective_risk_open"] if selective["n_ood"] else None,
    )


def temperature_of(card: BundleMetadata) -> float:
    """The temperature of a card's calibration; 1 without one."""
    return float(card.calibration.get("temperature", 1.0))


def calibration_errors(
    before: BundleMetadata,
    after: BundleMetadata,
    logits: Float64Array,
    labels: Labels,
    groups: Int64Array,
    classes: Sequence[str],
) -> tuple[dict[str, float], dict[str, float]]:
    """``temperature`` and ``ece`` of the card before calibration, and of the one after; arguments as above.

    The latter ECE is cross-validated: each group is calibrated by a temperature that was fitted on others.
    """
    labeled = labels >= 0
    scores, labels, groups = logits[labeled], labels[labeled], groups[labeled]
    aggregation = aggregate_to(np.eye(len(before.classes)), before.classes, classes)
    n_groups, every = len(np.unique(groups)), np.arange(len(groups))
    folds = GroupKFold(min(N_FOLDS, n_groups)).split(groups, groups=groups) if n_groups > 1 else [(every, every)]

    def ece(calibrated_logits: Float64Array) -> float:
        return reliability(softmax(calibrated_logits) @ aggregation, labels).ece

    old, new = temperature_of(before), temperature_of(after)
    held_out = cross_fit(scores, labels, folds, aggregation)
    return {"temperature": old, "ece": ece(scores / old)}, {"temperature": new, "ece": ece(held_out)}
