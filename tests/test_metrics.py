"""Metrics compared with scikit-learn and scipy, and edge cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from clothier import metrics
from clothier.errors import DataError, ModelError
from clothier.types import ClassScore, McNemarResult

CLASSES = ("Trouser", "Coat", "Shirt", "Bag")


def sample_logits(n: int = 400, classes: int = 4, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)).astype(np.float32)
    logits[np.arange(n), labels] += 1.5
    return logits, labels


def test_an_evaluation_agrees_with_scikit_learn() -> None:
    logits, labels = sample_logits()
    got = metrics.evaluate_logits(logits, labels, CLASSES)
    predicted, probabilities = logits.argmax(axis=1), metrics.softmax(logits)
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, labels=range(4))

    assert got.n == 400
    assert got.accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert got.accuracy_tta is None, "it is measured elsewhere"
    assert [score.name for score in got.per_class] == list(CLASSES)
    assert [score.precision for score in got.per_class] == pytest.approx(precision)
    assert [score.recall for score in got.per_class] == pytest.approx(recall)
    assert [score.f1 for score in got.per_class] == pytest.approx(f1)
    assert [score.n for score in got.per_class] == list(support)
    assert got.macro_f1 == pytest.approx(f1.mean())
    assert got.macro_recall == pytest.approx(recall.mean())
    assert np.array_equal(got.confusion, confusion_matrix(labels, predicted))
    assert got.nll == pytest.approx(log_loss(labels, probabilities), rel=1e-12)
    assert got.brier == pytest.approx(brier_score_loss(labels, probabilities, scale_by_half=False), rel=1e-12)
    assert got.standard_error == pytest.approx(math.sqrt(got.accuracy * (1 - got.accuracy) / 400))


def test_standard_error_of_the_study() -> None:
    assert metrics.standard_error(0.885, 10_000) == pytest.approx(0.0032, abs=5e-5)


def test_probabilities_are_evaluated_like_their_logits() -> None:
    logits, labels = sample_logits()
    found = metrics.evaluate_probabilities(metrics.softmax(logits), labels, CLASSES)
    expected = metrics.evaluate_logits(logits, labels, CLASSES)
    assert found.confusion == expected.confusion
    assert (found.nll, found.ece) == (pytest.approx(expected.nll), pytest.approx(expected.ece))
    assert metrics.evaluate_probabilities([[1.0, 0.0]], np.array([1]), ("Coat", "Shirt")).nll > 700


def test_classes_without_images_or_predictions_score_zero() -> None:
    labels = np.array([0, 0, 1, 1])
    logits = np.eye(3)[[0, 0, 0, 2]]
    unpredicted, absent = "without predictions", "without images"
    scores = {s.name: s for s in metrics.evaluate_logits(logits, labels, ("first", unpredicted, absent)).per_class}
    assert scores[unpredicted] == ClassScore(unpredicted, precision=0, recall=0, f1=0, n=2)
    assert scores[absent] == ClassScore(absent, precision=0, recall=0, f1=0, n=0)
    assert scores["first"].f1 == pytest.approx(f1_score(labels, [0, 0, 0, 2], labels=[0], average="macro"))


@pytest.mark.parametrize(("label", "accuracy"), [(1, 1.0), (0, 0.0)])
def test_one_image_is_enough(label: int, accuracy: float) -> None:
    got = metrics.evaluate_logits([[0.0, 3.0]], np.array([label]), ("Coat", "Shirt"))
    assert (got.n, got.accuracy, got.standard_error) == (1, accuracy, 0.0)


def test_softmax_of_huge_logits() -> None:
    probabilities = metrics.softmax([[1e4, 0.0], [-1e4, -1e4]])
    assert probabilities == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert metrics.nll([[1e4, 0.0]], np.array([1])) == pytest.approx(1e4)


@given(hnp.arrays(np.float32, (5, 3), elements=st.floats(-50, 50, width=32)), st.floats(-100, 100))
def test_softmax_rows_sum_to_one_and_ignore_a_shift(logits: np.ndarray, shift: float) -> None:
    probabilities = metrics.softmax(logits)
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert (probabilities >= 0).all()
    assert metrics.softmax(logits.astype(float) + shift) == pytest.approx(probabilities, abs=1e-9)


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_invariants_of_an_evaluation(n: int, classes: int, seed: int) -> None:
    logits, labels = sample_logits(n, classes, seed)
    got = metrics.evaluate_logits(logits, labels, [str(k) for k in range(classes)])
    assert sum(map(sum, got.confusion)) == n
    assert sum(got.confusion[k][k] for k in range(classes)) == round(got.accuracy * n)
    assert 0 <= got.ece <= 1
    assert 0 <= got.brier <= 2
    assert got.nll >= 0
    assert sum(score.n for score in got.per_class) == n
    for score in got.per_class:
        assert min(score.precision, score.recall) - 1e-12 <= score.f1 <= max(score.precision, score.recall) + 1e-12


def test_calibration_error_of_a_small_example() -> None:
    # Two predictions in the bin up to 9/15, one correct; two in the last bin, both correct.
    probabilities = np.array([[0.58, 0.42], [0.42, 0.58], [0.98, 0.02], [0.96, 0.04]])
    labels = np.array([0, 0, 0, 0])
    found = metrics.reliability(probabilities, labels)
    assert found.counts.tolist() == [0] * 8 + [2] + [0] * 5 + [2]
    assert found.accuracy[[8, 14]] == pytest.approx([0.5, 1.0])
    assert found.confidence[[8, 14]] == pytest.approx([0.58, 0.97])
    assert metrics.reliability(probabilities, labels).ece == pytest.approx((0.08 + 0.03) / 2)


def test_certain_predictions_are_in_the_last_bin() -> None:
    found = metrics.reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert found.counts[-1] == 1
    assert found.ece == 0


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 5), (3, 12), (40, 61), (700, 300), (2100, 1900)])
def test_sign_test_against_scipy(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert metrics.sign_test(wins, losses) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=60)
def test_sign_test_is_symmetric_and_a_probability(wins: int, losses: int) -> None:
    value = metrics.sign_test(wins, losses)
    assert value == metrics.sign_test(losses, wins)
    assert 0 < value <= 1


def test_sign_test_of_a_million() -> None:
    assert metrics.sign_test(500_500, 499_500) == pytest.approx(binomtest(500_500, 1_000_000).pvalue, rel=1e-7)
    assert metrics.sign_test(1_000_000, 0) == 0


def test_mcnemar_uses_only_disagreements() -> None:
    first = np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 1], bool)
    second = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1, 1], bool)
    got = metrics.mcnemar(first, second)
    assert (got.n, got.only_first, got.only_second) == (10, 3, 1)
    assert got.difference == pytest.approx(0.2)
    assert got.p_value == pytest.approx(binomtest(3, 4).pvalue)


def mcnemar_of(n: int, only_first: int, only_second: int) -> McNemarResult:
    first, second = np.zeros(n, bool), np.zeros(n, bool)
    first[:only_first] = second[only_first : only_first + only_second] = True
    return metrics.mcnemar(first, second)


@pytest.mark.parametrize(("n", "only_first", "only_second"), [(10, 3, 1), (40, 5, 2), (44, 9, 0), (10_000, 300, 210)])
def test_the_interval_holds_the_differences_that_the_score_test_does_not_reject(
    n: int, only_first: int, only_second: int
) -> None:
    for end in mcnemar_of(n, only_first, only_second).interval:

        def loss(losses: float, end: float = end) -> float:
            """Negative log likelihood with a fraction of ``losses`` and ``losses + end`` of wins."""
            parts = (
                (only_first, losses + end),
                (only_second, losses),
                (n - only_first - only_second, 1 - 2 * losses - end),
            )
            return -sum(count * math.log(max(part, 1e-300)) for count, part in parts)

        losses = minimize_scalar(
            loss, bounds=(max(0, -end), (1 - end) / 2), method="bounded", options={"xatol": 1e-12}
        ).x
        z = (only_first - only_second - n * end) / math.sqrt(n * (2 * losses + end - end**2))
        assert abs(z) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "wins", "losses"), [(40, 0.08, 0), (40, 0.02, 0.02), (200, 0.04, 0.01), (1_000, 0.05, 0.04)]
)
def test_the_interval_covers_the_difference_as_often_as_it_says(n: int, wins: float, losses: float) -> None:
    draws = np.random.default_rng(0).multinomial(n, [wins, losses, 1 - wins - losses], 20_000)
    covered = 0
    for (only_first, only_second, _), count in zip(*np.unique(draws, axis=0, return_counts=True), strict=True):
        low, high = mcnemar_of(n, only_first, only_second).interval
        covered += count * (low <= wins - losses <= high)
    assert 0.94 <= covered / len(draws) <= 0.995  # Wald's interval: 0.84 in the first case


def test_without_disagreements_the_interval_is_not_empty() -> None:
    got = mcnemar_of(40, 0, 0)
    assert (got.difference, got.p_value) == (0.0, 1.0)
    assert got.interval == pytest.approx((-0.0876, 0.0876), abs=1e-4)  # 1.96^2 / (40 + 1.96^2), as Wilson's


@pytest.mark.parametrize("pair", [(np.ones(3, bool), np.ones(2, bool)), (np.ones(0, bool), np.ones(0, bool))])
def test_mcnemar_needs_pairs(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(DataError, match="McNemar's test needs two predictions for every image"):
        metrics.mcnemar(*pair)


@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        ([[0.0, 1.0]], [0, 1], DataError, "1 images have 2 labels"),
        (np.empty((0, 2)), [], DataError, "0 images have 0 labels"),
        ([[0.0, 1.0]], [2], DataError, "labels range from 2 to 2, but 2 classes"),
        ([[0.0, 1.0]], [-1], DataError, "labels range from -1 to -1"),
        ([[0.0, math.nan]], [1], ModelError, "NaN or infinity"),
        ([[0.0, 1.0, 2.0]], [1], ModelError, r"shape \(1, 3\), but 2 classes need \(N, 2\)"),
        ([0.0, 1.0], [1], ModelError, r"shape \(2,\)"),
    ],
)
def test_invalid_logits_and_labels(logits: object, labels: list[int], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        metrics.evaluate_logits(logits, np.array(labels, dtype=np.int64), ("Coat", "Shirt"))


def test_auroc_against_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    low, high = generator.integers(0, 9, 300) / 3, generator.integers(2, 12, 100) / 3  # with ties
    expected = roc_auc_score(np.repeat([0, 1], [300, 100]), np.concatenate([low, high]))
    assert metrics.auroc(low, high) == pytest.approx(expected)


def test_macro_averages_are_over_the_classes_that_occur() -> None:
    logits = np.eye(5)[[3, 3, 4, 4]]
    found = metrics.evaluate_logits(logits, np.array([3, 3, 4, 4]), "abcde")
    assert (found.macro_f1, found.macro_recall) == (1.0, 1.0)
    assert [score.n for score in found.per_class] == [0, 0, 0, 2, 2]
