"""Confident learning finds exchanged labels, and refuses what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.errors import DataError, ModelError
from clothier.exploration.audit.label_issues import LabelIssues, label_issues


@pytest.fixture(scope="module")
def exchanged() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """2,000 true labels, the same with 5 % of them exchanged, and probabilities that know the truth."""
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 5, 2_000)
    wrong = generator.random(2_000) < 0.05
    labels = np.where(wrong, (truth + generator.integers(1, 5, 2_000)) % 5, truth)
    probabilities = np.full((2_000, 5), 0.02)
    probabilities[np.arange(2_000), truth] = generator.uniform(0.5, 0.92, 2_000)
    return truth, labels, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def found(exchanged: tuple[np.ndarray, np.ndarray, np.ndarray]) -> LabelIssues:
    return label_issues(*exchanged[1:])


def test_most_issues_are_the_labels_that_were_exchanged(
    exchanged: tuple[np.ndarray, np.ndarray, np.ndarray], found: LabelIssues
) -> None:
    truth, labels, _ = exchanged
    wrong = truth != labels
    assert set(found.issue_indices.tolist()) <= set(np.flatnonzero(wrong).tolist())
    assert len(found.issue_indices) > 0.4 * wrong.sum()
    assert (found.suggested_labels[found.issue_indices] == truth[found.issue_indices]).all()
    assert set(np.flatnonzero(found.ranks <= wrong.sum())) == set(np.flatnonzero(wrong))


def test_thresholds_are_mean_probabilities_and_issues_are_ranked_by_margin(
    exchanged: tuple[np.ndarray, np.ndarray, np.ndarray], found: LabelIssues
) -> None:
    _, labels, probabilities = exchanged
    assert found.thresholds == pytest.approx([probabilities[labels == k, k].mean() for k in range(5)])
    given = probabilities[np.arange(2_000), labels]
    others = np.where(np.eye(5, dtype=bool)[labels], 0, probabilities)
    assert found.margin == pytest.approx(given - others.max(axis=1))
    assert (np.diff(found.margin[found.issue_indices]) >= 0).all()
    confident = (probabilities >= found.thresholds - 1e-6).any(axis=1)
    assert found.confident_joint.sum() == confident.sum()


def test_no_image_is_assigned_to_a_class_without_images() -> None:
    found = label_issues(np.array([0, 0, 1, 1]), np.tile([0.4, 0.3, 0.3], (4, 1)))
    assert found.thresholds[:2].tolist() == pytest.approx([0.4, 0.3])
    assert found.thresholds[2] > 1
    assert found.confident_joint[:2, 2].sum() == 0


def test_equal_margins_keep_the_order_of_the_images() -> None:
    found = label_issues(np.arange(60) % 2, np.tile([0.5, 0.5], (60, 1)))
    assert found.ranks.tolist() == list(range(1, 61))
    assert len(found.issue_indices) == 0


def test_probabilities_of_a_diverged_model_are_refused() -> None:
    with pytest.raises(ModelError, match="of 4 of 4 images are NaN"):
        label_issues(np.array([0, 1, 0, 1]), np.full((4, 2), np.nan))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 1, 1], "all 3 images have the label 1"),
        ([0, 1, 2], "from 0 to 2; with 2 classes they must be 0 to 1"),
        ([-1, 1, 0], "from -1 to 1; with 2 classes they must be 0 to 1"),
    ],
)
def test_invalid_labels_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        label_issues(np.array(labels), np.ones((3, 2)) / 2)
