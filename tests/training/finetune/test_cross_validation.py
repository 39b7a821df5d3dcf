from __future__ import annotations

import numpy as np
import pytest

from clothier.training.finetune.cross_validation import aggregate_logits, combine_folds, fold_metrics

FOLDS = np.array([0, 0, 1, 1])


def test_each_photo_gets_the_value_of_the_fold_that_tests_it() -> None:
    values = [np.arange(5.0), 10 + np.arange(5.0)]
    assert combine_folds(values, np.append(FOLDS, 0)).tolist() == [0, 1, 12, 13, 4]


def test_logits_of_subclasses_are_added_to_their_parent_class() -> None:
    logits = aggregate_logits(
        np.log(np.array([[0.2, 0.3, 0.5]], np.float32)), ("hat", "shoes", "boot"), ("hat", "shoes")
    )
    assert np.exp(logits) == pytest.approx(np.array([[0.2, 0.8]]))


def test_fold_metrics_are_means_over_the_folds() -> None:
    labels = np.array([0, 0, 0, 1])
    logits = np.eye(2)[[0, 1, 0, 0]]
    found = fold_metrics(logits, labels, FOLDS)
    assert found["folds"] == [
        {"n": 2, "accuracy": 0.5, "macro_recall": 0.5},
        {"n": 2, "accuracy": 0.5, "macro_recall": 0.5},
    ]
    assert (found["accuracy"], found["macro_recall"]) == (0.5, 0.5)
