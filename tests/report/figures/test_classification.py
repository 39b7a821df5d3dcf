"""Figures of one classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.evaluation.misclassified import most_confident_errors
from clothier.metrics import evaluate_logits, reliability, softmax
from clothier.report.figures import (
    classification,
)
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import captions

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset


def test_every_error_has_its_label_prediction_and_probability(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    errors = most_confident_errors(logits[0], dataset.test.labels, 7)
    shown = captions(classification.misclassification_gallery(dataset.test, errors, FASHION_MNIST_CLASSES).figure)
    assert len(shown) == 7
    for (image, lines), error in zip(shown, errors, strict=True):
        assert np.array_equal(image, dataset.test.images[error.index])
        assert lines[0] == FASHION_MNIST_CLASSES[image[0, 0] // 20]
        assert lines[1] == f"→ {FASHION_MNIST_CLASSES[logits[0][error.index].argmax()]}"
        assert lines[2] == f"{100 * error.probability:.1f}\N{NO-BREAK SPACE}%"


def test_classes_without_an_image_have_no_metrics(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate_logits(logits[0], dataset.test.labels % 9, FASHION_MNIST_CLASSES)
    captioned = classification.class_metrics(found)
    assert len(captioned.figure.axes[0].get_yticklabels()) == 9
    assert "Ankle boot" not in captioned.title
    assert captioned.note == "Classes without an image, which are left out: 1."


def test_the_confusion_matrix_shows_every_count(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate_logits(logits[0], dataset.test.labels, FASHION_MNIST_CLASSES)
    captioned = classification.confusion_matrix(found)
    shown = np.zeros((10, 10), int)
    for text in captioned.figure.axes[0].texts:
        column, row = text.get_position()
        shown[int(row), int(column)] = int(text.get_text())
    assert np.array_equal(shown, found.confusion)
    row, column = np.argwhere(np.array(found.confusion) * (1 - np.eye(10)) == _largest_error_count(found.confusion))[0]
    assert captioned.title.startswith(
        f"The most frequent error is {FASHION_MNIST_CLASSES[row]} predicted as {FASHION_MNIST_CLASSES[column]}"
    )


def _largest_error_count(confusion: tuple[tuple[int, ...], ...]) -> int:
    return int((np.array(confusion) * (1 - np.eye(10))).max())


def test_a_confusion_matrix_without_errors() -> None:
    assert (
        classification.confusion_matrix(evaluate_logits(np.eye(3), np.arange(3), ("a", "b", "c"))).title == "No errors"
    )


def test_class_metrics_draw_the_evaluation(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate_logits(logits[1], dataset.test.labels, FASHION_MNIST_CLASSES)
    captioned = classification.class_metrics(found)
    precision, recall, f1 = (line.get_xdata() for line in captioned.figure.axes[0].lines)
    assert list(precision) == [score.precision for score in found.per_class]
    assert list(recall) == [score.recall for score in found.per_class]
    assert list(f1) == [score.f1 for score in found.per_class]
    low, high = captioned.figure.axes[0].get_xlim()
    assert low <= min(*precision, *recall)
    assert high == 1


def test_the_reliability_diagram_draws_filled_bins_only(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    found = reliability(softmax(logits[0]), dataset.test.labels)
    captioned = classification.reliability_diagram(found)
    dots = captioned.figure.axes[0].lines[-1]
    filled = found.counts > 0
    assert list(dots.get_xdata()) == list(found.confidence[filled])
    assert list(dots.get_ydata()) == list(found.accuracy[filled])
    assert [bar.get_height() for bar in captioned.figure.axes[1].patches] == list(found.counts)


@pytest.mark.parametrize(
    ("logits", "title"),
    [
        (np.array([[9.0, 0.0]] * 4), "The model is 50.0 percentage points overconfident"),
        (
            np.array([[0.1, 0.0], [0.1, 0.0], [0.0, 0.1], [0.0, 0.1]]),
            "The model is 47.5 percentage points underconfident",
        ),
        (np.array([[1e-9, 0.0]] * 4), "Mean confidence and accuracy agree"),
    ],
)
def test_calibration_summary(logits: np.ndarray, title: str) -> None:
    found = reliability(softmax(logits), np.array([0, 0, 1, 1]))
    assert classification.reliability_diagram(found).title.startswith(title)
