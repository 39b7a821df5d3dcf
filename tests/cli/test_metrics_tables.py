"""Tables of how models fare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from clothier.cli import metrics_tables

METRICS: dict[str, Any] = {
    "data": "drawn",
    "n": 100,
    "accuracy": 0.9,
    "standard_error": 0.03,
    "macro_f1": 0.88,
    "macro_recall": 0.87,
    "per_class": [{"class": "Shirt", "precision": 0.8, "recall": 0.7, "f1": 0.75, "n": 100}],
    "ece": 0.034,
    "nll": 0.256,
}


@dataclass(frozen=True)
class FakeEvaluation:
    """An evaluation with more figures than every one has."""

    content: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.content


def make_evaluation(model: str, **more: Any) -> FakeEvaluation:
    return FakeEvaluation({"model": model, **METRICS, **more})


def rendered_lines(*results: FakeEvaluation) -> list[str]:
    """The tables' lines, their blanks made one each."""
    console = Console(width=120, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(metrics_tables.evaluations_table(results))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_a_row_a_corruption_and_a_column_a_model() -> None:
    first = make_evaluation(
        "first",
        corruptions={"shot_noise": [0.9, 0.7], "rotate": [0.5, 0.1]},
        mean_corruption_accuracy=0.55,
        relative_corruption_error=1.0,
    )
    second = make_evaluation(
        "second",
        corruptions={"shot_noise": [0.8, 0.6], "rotate": [0.6, 0.2]},
        mean_corruption_accuracy=0.551,
        relative_corruption_error=1.2143,
    )
    lines = rendered_lines(first, second)
    assert "Corruption first second" in lines
    assert "shot noise 80.0 % 70.0 %" in lines
    assert "rotate 30.0 % 40.0 %" in lines
    assert "mean accuracy 55.0 % 55.1 %" in lines
    assert "error by that of first 1.00 1.21" in lines


def test_the_macro_recall_stands_beside_the_accuracy() -> None:
    assert any(
        line.startswith("Model Accuracy Macro F1 Macro recall ECE") for line in rendered_lines(make_evaluation("a"))
    )


def test_a_model_that_abstains() -> None:
    promise = {"risk": 0.05, "confidence": 0.95, "own": False}
    figures = {"coverage": 0.71, "selective_risk": 0.04, "selective_risk_open": 0.06}
    lines = rendered_lines(make_evaluation("photo", **figures, promise=promise, novelty_auroc=0.81))
    assert lines[-3:] == [
        "photo accepts 71.0 % of the pictures; 4.0 % of those tags are wrong, 6.0 % where strangers count",
        "Its promise: at most 5.0 % of the accepted tags wrong, with 95.0 % confidence; unproven for this catalogue",
        "Strangers are told from garments with an AUROC of 0.810",
    ]
    nothing = {"coverage": 0.0, "selective_risk": None, "selective_risk_open": None}
    lines = rendered_lines(make_evaluation("photo", **nothing, promise=None, novelty_auroc=None))
    assert lines[-1] == (
        "photo accepts 0.0 % of the pictures; none of those tags are wrong, none where strangers count"
    )


def test_the_domain_gap() -> None:
    gap = {
        "n": 5,
        "photo": 0.8,
        "fashion-cnn": 0.2,
        "per_class": [{"class": "Dress", "n": 3, "photo": 1.0, "fashion-cnn": 0.0}],
    }
    lines = rendered_lines(make_evaluation("photo", domain_gap=gap))
    assert "On the same photos photo fashion-cnn Photos" in lines
    assert "Dress 100.0 % 0.0 % 3" in lines
    assert "all 80.0 % 20.0 % 5" in lines
