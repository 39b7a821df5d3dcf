"""Figures that compare two classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.metrics import evaluate_logits, mcnemar
from clothier.report.figures import (
    comparison,
    comparison_figures,
)
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import captions, plain, touching_texts

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.report.sections import ComparisonSection


def test_images_correct_in_one_model_have_both_predictions(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray], comparison_section: ComparisonSection
) -> None:
    figures = comparison_section.figures
    for name, (right, wrong) in {"correct-only-in-first": logits, "correct-only-in-second": logits[::-1]}.items():
        for image, lines in captions(figures[name].figure):
            place = int(np.flatnonzero((dataset.test.images == image).all(axis=(1, 2)))[0])
            assert (
                lines[0]
                == FASHION_MNIST_CLASSES[dataset.test.labels[place]]
                == FASHION_MNIST_CLASSES[right[place].argmax()]
            )
            assert lines[1] == f"not {FASHION_MNIST_CLASSES[wrong[place].argmax()]}"
        assert touching_texts(figures[name].figure) == []


def test_comparison_summary() -> None:
    first, second = np.ones(400, bool), np.ones(400, bool)
    second[:40] = False
    names = ("DNN", "CNN")
    assert comparison.comparison_summary(names, mcnemar(first, second)) == (
        "DNN is 10.0 percentage points more accurate than CNN (95 % interval 7.4 to 13.3)"
    )
    assert comparison.comparison_summary(names, mcnemar(second, first)).startswith(
        "CNN is 10.0 percentage points more accurate than DNN"
    )
    first[40:80] = False
    assert comparison.comparison_summary(names, mcnemar(first, second)) == (
        "DNN and CNN do not differ significantly (-4.4 to +4.4 percentage points)"
    )


def test_mcnemar_summary() -> None:
    few = plain(comparison.mcnemar_summary(mcnemar(np.ones(9, bool), np.arange(9) > 1)))
    assert few.startswith("McNemar's exact test on the 2 of 9 images")
    assert few.endswith("p = 0.500.")
    many = comparison.mcnemar_summary(mcnemar(np.ones(99, bool), np.arange(99) > 50))
    assert plain(many).endswith("p < 0.001.")


def test_both_accuracies_are_drawn_with_their_intervals(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    labels = dataset.test.labels
    found = tuple(evaluate_logits(classification, labels, FASHION_MNIST_CLASSES) for classification in logits)
    paired = mcnemar(*(classification.argmax(axis=1) == labels for classification in logits))
    captioned = comparison.accuracies(("DNN", "CNN"), found, paired)
    above, below = captioned.figure.axes
    assert [container.lines[0].get_xdata()[0] for container in above.containers] == [f.accuracy for f in found]
    reaches = [np.ptp(container.lines[2][0].get_segments()[0][:, 0]) for container in above.containers]
    assert reaches == pytest.approx([2 * 1.959964 * f.standard_error for f in found])
    assert [bar.get_width() for bar in below.patches] == [paired.only_first, paired.only_second]


def test_equal_models_have_no_images_correct_in_only_one(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    figures = comparison_figures(("a", "b"), (logits[0], logits[0]), dataset.test, FASHION_MNIST_CLASSES)
    assert list(figures) == ["accuracies", "f1"]
