"""Applies the test for an unlike catalogue to the predictions of one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clothier.selective.decisions import DecisionResult, hold_back
from clothier.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.types import CatalogueShift, FailedInput


def judge_catalogue(
    results: Iterable[Prediction | FailedInput], model: str, shift: CatalogueShift | None, *, trusted: bool
) -> list[Prediction | FailedInput]:
    """Adds the result of the test to the predictions by ``model``, and accepts none of them if the batch is unlike.

    Args:
        results: of all images that were given together; those of another model stay as they are.
        model: whose predictions were tested.
        shift: None if the model cannot tell.
        trusted: whether tags of an unlike batch are accepted nevertheless.
    """
    return [_judge(one, model, shift, trusted) if isinstance(one, Prediction) else one for one in results]


def _judge(prediction: Prediction, model: str, shift: CatalogueShift | None, trusted: bool) -> Prediction:
    prediction = replace(prediction, trusted=trusted)
    if shift is None or prediction.model != model:
        return prediction
    prediction = replace(prediction, catalogue=shift)
    if prediction.decision is None:
        return prediction
    result = hold_back(DecisionResult(prediction.decision, prediction.reason), shift, trusted=trusted)
    return replace(prediction, decision=result.decision, reason=result.reason)
