"""Confident learning finds what cleanlab finds, in cleanlab's order, and says what it cannot take."""

from __future__ import annotations

import cleanlab.count
import cleanlab.filter
import cleanlab.rank
import numpy as np
import pytest

from clothier.errors import DataError, ModelError
from clothier.exploration.audit.label_issues import class_thresholds, label_issues

LabelsAndProbabilities = tuple[np.ndarray, np.ndarray]


def ambiguous(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Rows with two confident classes of which neither is the most probable: the one place where we follow the paper.

    It chooses the more probable of the two, cleanlab the most probable class, which is not among them.
    """
    confident = probabilities >= class_thresholds(labels, probabilities) - 1e-6
    best_is_confident = confident[np.arange(len(labels)), probabilities.argmax(axis=1)]
    return (confident.sum(axis=1) > 1) & ~best_is_confident


def test_the_same_issues_as_cleanlab_in_the_same_order(judged: LabelsAndProbabilities) -> None:
    labels, probabilities = judged
    found = label_issues(labels, probabilities)
    expected = cleanlab.filter.find_label_issues(
        labels,
        probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    assert not ambiguous(labels, probabilities).any()
    assert found.issue_indices.tolist() == expected.tolist()
    assert len(expected) > len(labels) / 50


def test_the_same_thresholds_joint_counts_and_margins_as_cleanlab(judged: LabelsAndProbabilities) -> None:
    labels, probabilities = judged
    found = label_issues(labels, probabilities)
    assert found.thresholds == pytest.approx(cleanlab.count.get_confident_thresholds(labels, probabilities))
    joint = cleanlab.count.compute_confident_joint(labels, probabilities, calibrate=False)
    assert found.confident_joint.tolist() == joint.tolist()
    quality = cleanlab.rank.get_label_quality_scores(labels, probabilities, method="normalized_margin")
    assert found.margin == pytest.approx(2 * quality - 1)
    assert np.argsort(found.ranks).tolist() == np.argsort(quality, kind="stable").tolist()


def test_most_issues_are_the_labels_that_were_exchanged() -> None:
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 5, 2_000)
    wrong = generator.random(2_000) < 0.05
    labels = np.where(wrong, (truth + generator.integers(1, 5, 2_000)) % 5, truth)
    probabilities = np.full((2_000, 5), 0.02)
    probabilities[np.arange(2_000), truth] = generator.uniform(0.5, 0.92, 2_000)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = label_issues(labels, probabilities)
    assert set(found.issue_indices.tolist()) <= set(np.flatnonzero(wrong).tolist())
    assert len(found.issue_indices) > 0.4 * wrong.sum()
    assert (found.suggested_labels[found.issue_indices] == truth[found.issue_indices]).all()
    assert set(np.flatnonzero(found.ranks <= wrong.sum())) == set(np.flatnonzero(wrong))


def test_of_several_confident_classes_the_most_probable_of_them_counts() -> None:
    # Thresholds .9, .3, .2: of the last row's classes 1 and 2 are confident, 0 is not, though most probable.
    probabilities = np.array([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.6, 0.2, 0.2], [0.41, 0.33, 0.26]])
    labels = np.array([0, 1, 2, 2])
    found = label_issues(labels, probabilities)
    assert found.thresholds.tolist() == pytest.approx([0.9, 0.3, 0.23])
    assert found.confident_joint.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert found.issue_indices.tolist() == [3]
    assert found.suggested_labels[3] == 0


def test_a_class_without_pictures_is_never_the_guess() -> None:
    found = label_issues(np.array([0, 0, 1, 1]), np.tile([0.2, 0.1, 0.7], (4, 1)))
    assert found.thresholds.tolist() == pytest.approx([0.2, 0.1, np.inf])
    assert found.confident_joint[:, 2].sum() == 0


def test_equal_margins_keep_the_order_of_the_pictures() -> None:
    found = label_issues(np.arange(60) % 2, np.tile([0.5, 0.5], (60, 1)))
    assert found.ranks.tolist() == list(range(1, 61))
    assert len(found.issue_indices) == 0


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        (
            np.full((4, 2), np.nan),
            "the probabilities of 4 of 4 pictures hold NaN or infinity: the model's training went",
        ),
        (
            np.ones((3, 2)) / 2,
            r"probabilities have the shape \(3, 2\), and 4 labels want \(4, K\), K classes of two or",
        ),
        (np.ones((4, 1)), r"probabilities have the shape \(4, 1\), and 4 labels want"),
        (np.ones(4), r"probabilities have the shape \(4,\), and 4 labels want"),
        (
            np.ones((4, 2)),
            "probabilities run from 1 and sum to 2 to 2 a picture; 0 or more with a sum of 1 are needed.",
        ),
        (np.tile([-0.5, 1.5], (4, 1)), "probabilities run from -0.5 and sum to 1 to 1 a picture; .* Apply softmax"),
    ],
)
def test_what_are_no_probabilities_is_said(probabilities: np.ndarray, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        label_issues(np.array([0, 1, 0, 1]), probabilities)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([1, 1, 1], "all 3 pictures are labelled 1: with one class only, no label can be held against another. Give"),
        ([0, 1, 2], "labels run from 0 to 2, and 2 classes want 0 to 1. Give the labels that belong to these"),
        ([-1, 1, 0], "labels run from -1 to 1, and 2 classes want 0 to 1."),
    ],
)
def test_labels_that_do_not_fit_are_said(labels: list[int], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        label_issues(np.array(labels), np.ones((3, 2)) / 2)
