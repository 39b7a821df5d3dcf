"""Accuracy under corruptions, and errors relative to a reference model."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.evaluation import robustness
from clothier.evaluation.robustness import RobustnessResult, evaluate_corruptions
from tests.fakes import FakeClassifier


def test_subclasses_count_for_their_parent_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"none": lambda images, severity, seed: images})
    logits = np.array([[0.0, 2, 0], [0, 0, 2], [2, 0, 0], [0, 2, 0]])
    classifier = FakeClassifier(lambda images: logits[images[:, 0, 0]], ("hat", "boot", "sandal"))
    images = np.arange(4, dtype=np.uint8).repeat(784).reshape(4, 28, 28)
    result = evaluate_corruptions(classifier, images, np.array([1, 1, 0, 0]), ("hat", "shoes"), name="fake")
    assert (result.n, result.accuracy) == (4, {"none": (0.75,) * 5})


def test_relative_error_of_the_first_model_is_one() -> None:
    first = RobustnessResult(100, {"fog": (0.8, 0.6), "snow": (0.9, 0.9)})
    second = RobustnessResult(100, {"fog": (0.9, 0.8), "snow": (0.8, 0.8)})
    assert first.relative_to(first).relative_error == 1
    assert second.relative_to(first).relative_error == pytest.approx((0.15 / 0.3 + 2) / 2)


def test_a_reference_without_errors_divides_nothing_by_zero() -> None:
    perfect, other = RobustnessResult(100, {"fog": (1.0, 1.0)}), RobustnessResult(100, {"fog": (0.9, 0.9)})
    assert other.relative_to(perfect).relative_error == pytest.approx(100)
