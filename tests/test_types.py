"""The shared types and their JSON, which programs of users read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from clothier.types import (
    ClassProbability,
    ClassScore,
    EpochRecord,
    Evaluation,
    FailedInput,
    InputSpec,
    McNemarResult,
    Prediction,
    no_progress,
)

SCORE = ClassScore("Shirt", 0.8, 0.7, 0.75, 40)
EVALUATION = Evaluation(100, 0.9, None, 0.03, 0.89, 0.88, (SCORE,), ((9, 1), (0, 5)), 0.02, 0.3, 0.15)
PREDICTION = Prediction(
    "a.png", (ClassProbability("Bag", 0.9), ClassProbability("Coat", 0.1)), None, "no thresholds", "fashion-cnn"
)
LAYOUTS: list[tuple[Any, Any]] = [
    (ClassProbability("Bag", 0.9), {"class": "Bag", "probability": 0.9}),
    (
        PREDICTION,
        {
            "file": "a.png",
            "class": "Bag",
            "probability": 0.9,
            "top": [{"class": "Bag", "probability": 0.9}, {"class": "Coat", "probability": 0.1}],
            "decision": None,
            "reason": "no thresholds",
            "model": "fashion-cnn",
        },
    ),
    (
        FailedInput("b.png", "not-found", "b.png does not exist."),
        {"file": "b.png", "error": {"code": "not-found", "message": "b.png does not exist."}},
    ),
    (
        EpochRecord(3, 0.5, 0.8, None, None, 1e-3, 2.5),
        {
            "epoch": 3,
            "train_loss": 0.5,
            "train_accuracy": 0.8,
            "validation_loss": None,
            "validation_accuracy": None,
            "learning_rate": 1e-3,
            "seconds": 2.5,
        },
    ),
    (SCORE, {"class": "Shirt", "precision": 0.8, "recall": 0.7, "f1": 0.75, "n": 40}),
    (
        EVALUATION,
        {
            "n": 100,
            "accuracy": 0.9,
            "accuracy_tta": None,
            "standard_error": 0.03,
            "macro_f1": 0.89,
            "macro_recall": 0.88,
            "per_class": [SCORE.to_json()],
            "confusion": [[9, 1], [0, 5]],
            "ece": 0.02,
            "nll": 0.3,
            "brier": 0.15,
        },
    ),
    (
        McNemarResult(100, 9, 2, 0.07, (0.01, 0.13), 0.065),
        {
            "n": 100,
            "only_first": 9,
            "only_second": 2,
            "difference": 0.07,
            "interval": [0.01, 0.13],
            "p_value": 0.065,
        },
    ),
]


@pytest.mark.parametrize(("record", "layout"), LAYOUTS, ids=lambda one: type(one).__name__)
def test_layout(record: Any, layout: dict[str, Any]) -> None:
    assert list(record.to_json()) == list(layout)
    assert json.loads(json.dumps(record.to_json(), allow_nan=False)) == layout


@pytest.mark.parametrize(
    "record", [InputSpec(), *(record for record, _ in LAYOUTS)], ids=lambda one: type(one).__name__
)
def test_frozen(record: Any) -> None:
    first = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, first, "changed")


@pytest.mark.parametrize(
    ("input_spec", "shape"),
    [(InputSpec(), (28, 28)), (InputSpec("photo", 64, 48, 3), (64, 48, 3)), (InputSpec("gray", 64, 48), (64, 48))],
)
def test_input_spec_shape(input_spec: InputSpec, shape: tuple[int, ...]) -> None:
    assert input_spec.shape == shape


def test_no_progress_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    no_progress("train", 1, 2, "note")
    assert capfd.readouterr() == ("", "")
