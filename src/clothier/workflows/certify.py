"""From answers to photos that a model did not learn from to what its card promises: temperature and thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.analysis import promise
from clothier.analysis.calibration import fit_temperature
from clothier.analysis.metrics import softmax
from clothier.analysis.selective import ClassPromise, Promise, Thresholds, familiar

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import Card
    from clothier.records import Labels

RISK, CONFIDENCE = 0.05, 0.95
KNOWN = 0.95  # share of known garments that may not be taken for strangers
FITTED_ON = "grouped out-of-fold answers"


def certify(
    card: Card,
    logits: npt.ArrayLike,
    labels: Labels,
    groups: npt.ArrayLike,
    novelty_scores: npt.ArrayLike | None = None,
    *,
    risk: float = RISK,
    confidence: float = CONFIDENCE,
    fitted_on: str = FITTED_ON,
    grouped_by: str = "photographer",
    own: bool = False,
) -> Card:
    """The card with its temperature, its thresholds and its promise.

    Args:
        card: of the model.
        logits: (N, K), not divided by any temperature, of photos that the answering model did not learn from.
        labels: (N,) int64; -1, outside the classes, is left out.
        groups: (N,) int64, who took each photo.
        novelty_scores: (N,), of models that did not learn from the photo either; None where there is no such score.
        risk: the promised share of wrong tags among the accepted ones, 0 to 1.
        confidence: of the promise, 0 to 1.
        fitted_on: what the photos are, for the card.
        grouped_by: what a group is, for the card; ``photo`` where every photo stands for itself.
        own: whether they are the user's own photos.

    Returns:
        A card whose ``thresholds`` are :class:`~clothier.analysis.selective.Thresholds`; where no threshold keeps the
        promise, ``accept`` is None and nothing will be accepted.
    """
    inside = np.asarray(labels) >= 0
    scores, truth, members = np.asarray(logits, dtype=np.float64)[inside], labels[inside], np.asarray(groups)[inside]
    temperature = fit_temperature(scores, truth)
    strange = None if novelty_scores is None else np.asarray(novelty_scores, dtype=np.float64)[inside]
    reject = None if strange is None else float(np.quantile(strange, KNOWN, method="higher"))
    shares = softmax(scores / temperature)
    answers, tops = shares.argmax(axis=1), shares.max(axis=1)
    tops = np.where(familiar(strange, reject, len(tops)), tops, -np.inf)
    right = answers == truth
    accept = promise.find_threshold(tops, right, members, risk=risk, certainty=confidence)
    taken = np.zeros(len(tops), dtype=bool) if accept is None else tops >= accept
    stated = Promise(
        risk=risk,
        confidence=confidence,
        bound=promise.upper_bound(~right[taken], members[taken], confidence) if taken.any() else None,
        observed=float((~right[taken]).mean()) if taken.any() else None,
        coverage=float(taken.mean()),
        photos=len(tops),
        accepted=int(taken.sum()),
        groups=len(np.unique(members)),
        grouped_by=grouped_by,
        method=promise.METHOD,
        classes=tuple(
            _class_promise(name, taken & (answers == place), right, members, risk, confidence)
            for place, name in enumerate(card.classes)
            if (taken & (answers == place)).sum() >= promise.LEAST_FOR_A_CLASS
        ),
    )
    thresholds = Thresholds(accept=accept, reject=reject, known=KNOWN, promise=stated, own=own)
    calibration = {"temperature": temperature, "fitted_on": fitted_on, "n": len(tops)}
    return replace(card, calibration=calibration, thresholds=thresholds.to_json())


def _class_promise(
    name: str,
    taken: npt.NDArray[np.bool_],
    right: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    risk: float,
    confidence: float,
) -> ClassPromise:
    bound = promise.upper_bound(~right[taken], groups[taken], confidence)
    wrong = int((~right[taken]).sum())
    return ClassPromise(name=name, accepted=int(taken.sum()), wrong=wrong, bound=bound, kept=bound <= risk)
