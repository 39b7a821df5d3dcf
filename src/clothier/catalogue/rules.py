"""From stored outputs of a model to tags: arithmetic only, so that new thresholds or codes need no model run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.inference.model import FALLBACK_REASON, NO_THRESHOLDS, CalibratedOutput
from clothier.metrics import softmax
from clothier.selective.decisions import DecisionResult, hold_back, hold_to_limit
from clothier.selective.shift import shift_reason
from clothier.store.checked import read_vectors
from clothier.taxonomy import company_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

    from clothier.inference import Model
    from clothier.types import CatalogueShift, Float64Array

TOP = 3  # classes of a tag
LOGITS, SHIFT_FEATURES = np.dtype("<f4"), np.dtype("<f2")
DIGEST_LENGTH = {"rules": 16, "thresholds": 8}  # hexadecimal digits

PROVISIONAL = DecisionResult(
    "review", "Review: too few photos were seen when this one was tagged. Run clothier tag again to finish."
)

Tag = dict[str, Any]


@dataclass(frozen=True)
class TaggingRules:
    """What turns the output of a model into a tag.

    Attributes:
        model: with its calibration.
        codes: of the company, by class.
        shift: whether the source is unlike the photos of the model's guarantee; None if that is not known.
        trusted: whether tags of an unlike source are accepted nevertheless.
        limits: class to the lowest probability that is accepted, where the model accepts a lower one; None for never
            (:mod:`clothier.catalogue.class_limits`).
        provisional: whether nothing is accepted, because no photo of the source was tested yet.
    """

    model: Model
    codes: Mapping[str, str] | None = None
    shift: CatalogueShift | None = None
    trusted: bool = False
    limits: Mapping[str, float | None] = field(default_factory=dict)
    provisional: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it will be known whether the source is unlike when more of its photos were seen."""
        return self.model.shift_detector is not None and (self.shift is None or self.shift.unlike is None)

    @cached_property
    def digest(self) -> str:
        """Tags with another are outdated."""
        content = [
            self.model.digest,
            _calibration(self.model),
            self.codes,
            shift_reason(self.shift) if self.shift and self.shift.unlike else None,
            self.trusted,
            self.limits,
            self.provisional,
            version("clothier"),
        ]
        return _digest(content, "rules")

    @cached_property
    def thresholds_version(self) -> str | None:
        """Changes with the temperature or the thresholds of the model, and with the limits; None without thresholds."""
        return thresholds_digest(self.model, self.limits)

    def tags(self, outputs: Sequence[RowMapping]) -> list[Tag]:
        """The tag of each of the stored ``outputs``, as the columns of an item."""
        tags: list[Tag] = [{}] * len(outputs)
        for name in {one["computed_by"] for one in outputs}:
            model = self.model.fallback if self.model.fallback and name == self.model.fallback_name else self.model
            places = [place for place, one in enumerate(outputs) if one["computed_by"] == name]
            for place, tag in zip(places, self._tags_of(model, [outputs[one] for one in places]), strict=True):
                tags[place] = tag
        return tags

    def probabilities(self, outputs: Sequence[RowMapping]) -> Float64Array:
        """(N, K) calibrated probabilities of the model's own stored outputs."""
        return _restore(self.model, outputs).probabilities

    def _tags_of(self, model: Model, outputs: Sequence[RowMapping]) -> list[Tag]:
        output = _restore(model, outputs)
        limits = self.limits if model is self.model else {}
        version_of_thresholds = thresholds_digest(model, limits)
        codes = self.codes if model is self.model else None
        shift = self.shift if model is self.model else None
        prefix = "" if model is self.model else f"{FALLBACK_REASON.format(model.name, self.model.name)} "
        tags = []
        for one, probabilities, decided in zip(outputs, output.probabilities, model.decide(output), strict=True):
            result = hold_back(decided, shift, trusted=self.trusted) if decided else None
            top = top_classes(probabilities, model.classes)
            result = hold_to_limit(result, *top[0], limits) if result else None
            if result and result.decision == "accept" and self.provisional:
                result = PROVISIONAL
            decision = result.decision if result else None
            tags.append(
                {
                    "class": top[0][0],
                    "probability": top[0][1],
                    "top": top,
                    "code": company_code(top[0][0], decision, codes),
                    "decision": decision,
                    "reason": prefix + (result.reason if result else NO_THRESHOLDS),
                    "notes": one["notes"],
                    "model": model.name,
                    "thresholds": version_of_thresholds,
                    "rules": self.digest,
                    "color": one["colors"][0]["name"] if one["colors"] else None,
                    "trusted": self.trusted,
                }
            )
        return tags


def thresholds_digest(model: Model, limits: Mapping[str, float | None] | None = None) -> str | None:
    """The version of a model's thresholds with the limits of classes, as each tag has it; None without thresholds."""
    content = [*_calibration(model), *([limits] if limits else [])]
    return _digest(content, "thresholds") if model.thresholds else None


def top_classes(probabilities: Float64Array, classes: Sequence[str]) -> list[tuple[str, float]]:
    """The most probable classes, best first, with their probabilities."""
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(classes[index], float(probabilities[index])) for index in order]


def _restore(model: Model, outputs: Sequence[RowMapping]) -> CalibratedOutput:
    """Stored outputs at the model's present temperature; at the same temperature they are exactly as computed."""
    logits = read_vectors([one["logits"] for one in outputs], LOGITS, len(model.classes))
    factors = np.array([[one["temperature"] / model.temperature] for one in outputs], np.float32)
    logits = logits * factors
    scores = [one["ood_score"] for one in outputs]
    ood_scores = None if None in scores else np.array(scores, np.float64)
    return CalibratedOutput(logits, softmax(logits), ood_scores, np.empty((len(logits), 0), np.float32))


def _calibration(model: Model) -> list[Any]:
    return [model.name, model.temperature, model.thresholds.to_json() if model.thresholds else None]


def _digest(content: Any, kind: str) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[: DIGEST_LENGTH[kind]]
