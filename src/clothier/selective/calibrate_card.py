"""From answers to photos that a model did not learn from to what its card promises: temperature and thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax
from clothier.selective.decisions import is_in_distribution
from clothier.selective.risk_control import control_risk
from clothier.selective.temperature import fit_temperature
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import aggregate_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.bundle import BundleMetadata
    from clothier.types import Labels

RISK, CONFIDENCE_LEVEL = 0.05, 0.95
ID_RECALL = 0.95  # share of known garments that may not be taken for strangers
DEFAULT_FITTED_ON = "grouped out-of-fold answers"


def calibrate_card(
    card: BundleMetadata,
    logits: npt.ArrayLike,
    labels: Labels,
    groups: npt.ArrayLike,
    ood_scores: npt.ArrayLike | None = None,
    *,
    classes: Sequence[str] | None = None,
    risk: float = RISK,
    confidence_level: float = CONFIDENCE_LEVEL,
    fitted_on: str = DEFAULT_FITTED_ON,
    grouped_by: str = "photographer",
    user_calibrated: bool = False,
) -> BundleMetadata:
    """The card with its temperature, its thresholds and its promise.

    The promise is over the accepted tags of photos inside the classes, by photographers whom nobody has seen. Each
    counts by the photos that he sends; of a single one, who may be harder than all others, it says nothing.

    Args:
        card: of the model.
        logits: (N, K), not divided by any temperature, of photos that the answering model did not learn from.
        labels: (N,) int64; -1, outside the classes, is left out.
        groups: (N,) int64, who took each photo.
        ood_scores: (N,), of models that did not learn from the photo either; None where there is no such score.
        classes: what the labels mean, where that is broader than the model's classes; None for those.
        risk: the promised share of wrong tags among the accepted ones, 0 to 1.
        confidence_level: of the promise, 0 to 1.
        fitted_on: what the photos are, for the card.
        grouped_by: what a group is, for the card; ``photo`` where every photo stands for itself.
        user_calibrated: whether they are the user's own photos.

    Returns:
        A card whose ``thresholds`` are :class:`~clothier.selective.thresholds.Thresholds`; where no threshold keeps the
        promise, ``accept`` is None and nothing will be accepted.

    Raises:
        DataError: no labelled photos.
        UsageError: classes that are not the model's in broader words.
    """
    inside = np.asarray(labels) >= 0
    scores, truth = np.asarray(logits, dtype=np.float64)[inside], np.asarray(labels)[inside]
    strange = None if ood_scores is None else np.asarray(ood_scores, dtype=np.float64)[inside]
    terms = aggregate_to(np.eye(len(card.classes)), card.classes, classes or card.classes)
    temperature = fit_temperature(scores, truth, terms)
    shares = softmax(scores / temperature)
    reject = None if strange is None else float(np.quantile(strange, ID_RECALL, method="higher"))
    accept, promise = control_risk(
        np.where(is_in_distribution(strange, reject, len(shares)), shares.max(axis=1), -np.inf),
        shares.argmax(axis=1),
        (shares @ terms).argmax(axis=1) == truth,
        np.asarray(groups)[inside],
        card.classes,
        risk=risk,
        confidence_level=confidence_level,
        grouped_by=grouped_by,
    )
    thresholds = Thresholds(
        min_probability=accept, max_ood=reject, id_recall=ID_RECALL, guarantee=promise, user_calibrated=user_calibrated
    )
    calibration = {"temperature": temperature, "fitted_on": fitted_on, "n": len(truth)}
    return replace(card, calibration=calibration, thresholds=thresholds.to_json())
