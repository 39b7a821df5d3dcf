"""The selected errors and their order."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.evaluation.misclassified import Misclassification, most_confident_errors, only_first_correct
from clothier.metrics import softmax

LABELS = np.array([0, 1, 2, 0, 1])
LOGITS = np.array([[2, 0, 0], [9, 0, 0], [0, 4, 0], [0, 0, 6], [0, 3, 0]], dtype=np.float32)


def test_most_confident_errors_come_first() -> None:
    found = most_confident_errors(LOGITS, LABELS, 2)
    assert [(one.index, one.true, one.predicted) for one in found] == [(1, 1, 0), (3, 0, 2)]
    assert found[0].probability == pytest.approx(softmax(LOGITS)[1, 0])


def test_fewer_errors_than_requested() -> None:
    assert [one.index for one in most_confident_errors(LOGITS, LABELS, 99)] == [1, 3, 2]


def test_a_perfect_model_has_no_errors() -> None:
    assert most_confident_errors(np.eye(3), np.arange(3), 5) == ()


def test_equally_confident_errors_keep_the_order_of_the_images() -> None:
    logits = np.tile([0.0, 1.0], (40, 1))
    assert [one.index for one in most_confident_errors(logits, np.zeros(40, int), 40)] == list(range(40))


def test_only_first_correct() -> None:
    second = np.array([[0, 2, 0], [9, 0, 0], [0, 4, 0], [6, 0, 0], [0, 0, 8]], dtype=np.float32)
    found = only_first_correct(LOGITS, second, LABELS, 5)
    assert [(first.index, first.predicted, other.predicted) for first, other in found] == [(4, 1, 2), (0, 0, 1)]
    assert isinstance(found[0][0], Misclassification)
    assert only_first_correct(second, LOGITS, LABELS, 5)[0][1].index == 3
