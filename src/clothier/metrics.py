"""Metrics of a classifier: logits or probabilities compared with labels. numpy only, float64 inside.

Legend: N images, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, ModelError
from clothier.types import NORMAL_95, ClassScore, Evaluation, McNemarResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array, Int64Array, Labels

RELIABILITY_BINS = 15
"""Equal-width bins of the top label's probability, as in Guo et al. 2017 (arXiv 1706.04599)."""

"""Half-width of the 95 % interval of a normal distribution, in standard deviations."""

MIN_PROBABILITY = float(np.finfo(np.float64).tiny)  # lower bound of a probability whose logarithm is taken


@dataclass(frozen=True, slots=True)
class Reliability:
    """The data of a reliability diagram: are predictions with a probability of 80 % correct in 80 % of the cases?

    Attributes:
        edges: (bins + 1,) float64, of the top label's probability, 0 to 1.
        counts: (bins,) int64, images with a top probability above an edge and up to the next.
        confidence: (bins,) float64, mean top probability; 0 in an empty bin.
        accuracy: (bins,) float64, fraction of correct predictions; 0 in an empty bin.
    """

    edges: Float64Array
    counts: Int64Array
    confidence: Float64Array
    accuracy: Float64Array

    @property
    def ece(self) -> float:
        """Expected calibration error: mean gap between confidence and accuracy, weighted by counts (equation 3)."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float(gaps @ self.counts / self.counts.sum())


def evaluate_logits(logits: npt.ArrayLike, labels: Labels, classes: Sequence[str]) -> Evaluation:
    """Metrics of ``logits``, (N, K), for ``labels``, (N,) with values 0 to K - 1.

    Args:
        logits: before softmax, any float type.
        labels: the true labels.
        classes: the K names, in the order of the logits.

    Raises:
        DataError: no images, or labels that do not match the logits.
        ModelError: logits that are not finite, or not K per image.
    """
    scores, truth = check_logits_labels(logits, labels, len(classes))
    probabilities = softmax(scores)
    predictions = scores.argmax(axis=1)
    accuracy = float((predictions == truth).mean())
    confusion = confusion_matrix(truth, predictions, len(classes))
    per_class = class_scores(confusion, classes)
    occurring = [score for score in per_class if score.n]
    return Evaluation(
        n=len(truth),
        accuracy=accuracy,
        accuracy_tta=None,
        standard_error=standard_error(accuracy, len(truth)),
        macro_f1=float(np.mean([score.f1 for score in occurring])),
        macro_recall=float(np.mean([score.recall for score in occurring])),
        per_class=per_class,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        ece=reliability(probabilities, truth).ece,
        nll=nll(scores, truth),
        brier=brier(probabilities, truth),
    )


def evaluate_probabilities(probabilities: npt.ArrayLike, labels: Labels, classes: Sequence[str]) -> Evaluation:
    """:func:`evaluate_logits` of (N, K) probabilities, rows sum to 1."""
    return evaluate_logits(np.log(np.clip(probabilities, MIN_PROBABILITY, None)), labels, classes)


def softmax(logits: npt.ArrayLike) -> Float64Array:
    """Probabilities of (N, K) ``logits``: (N, K) float64, rows sum to 1. Huge logits do not overflow."""
    return np.exp(log_softmax(logits))


def log_softmax(logits: npt.ArrayLike) -> Float64Array:
    """Log probabilities of (N, K) ``logits``, nats: (N, K) float64."""
    scores = np.asarray(logits, dtype=np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def confusion_matrix(labels: Labels, predictions: npt.ArrayLike, n_classes: int) -> Int64Array:
    """(K, K) int64, one row for each true class."""
    cells = np.asarray(labels, dtype=np.int64) * n_classes + np.asarray(predictions, dtype=np.int64)
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def class_scores(confusion: Int64Array, classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class of a (K, K) ``confusion``; 0 where they are undefined."""
    correct = np.diag(confusion).astype(np.float64)
    n_predicted, n_true = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = _safe_divide(correct, n_predicted)
    recall = _safe_divide(correct, n_true)
    f1 = _safe_divide(2 * correct, n_predicted + n_true)
    return tuple(
        ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(n_true[i]))
        for i, name in enumerate(classes)
    )


def standard_error(accuracy: float, n: int) -> float:
    """Binomial standard error of an ``accuracy`` over ``n`` images."""
    return math.sqrt(accuracy * (1 - accuracy) / n)


def wilson_interval(proportion: Float64Array, n: Int64Array) -> tuple[Float64Array, Float64Array]:
    """95 % interval of each ``proportion`` over ``n`` images (Wilson 1927); valid for few images and for 0 and 1."""
    squared = NORMAL_95**2 / n
    center = (proportion + squared / 2) / (1 + squared)
    half_width = np.sqrt(squared * (proportion * (1 - proportion) + squared / 4)) / (1 + squared)
    return center - half_width, center + half_width


def accuracy_interval(accuracy: float, standard_error: float, n: int) -> tuple[float, float]:
    """95 % interval of an ``accuracy`` over ``n`` images or groups; Wilson's where its standard error is 0."""
    if standard_error > 0:
        return accuracy - NORMAL_95 * standard_error, accuracy + NORMAL_95 * standard_error
    low, high = wilson_interval(np.array([accuracy]), np.array([n]))
    return float(low[0]), float(high[0])


def nll(logits: npt.ArrayLike, labels: Labels) -> float:
    """Mean negative log-likelihood of the labels, nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def brier(probabilities: Float64Array, labels: Labels) -> float:
    """Mean squared distance of (N, K) ``probabilities`` from the one-hot labels, 0 to 2 (Brier 1950)."""
    # |p - e_y|^2 = |p|^2 - 2 p_y + 1
    of_label = probabilities[np.arange(len(labels)), labels]
    return float(((probabilities**2).sum(axis=1) - 2 * of_label + 1).mean())


def reliability(probabilities: Float64Array, labels: Labels, bins: int = RELIABILITY_BINS) -> Reliability:
    """Sorts N predictions into ``bins`` of equal width by the probability of their top label."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    bin_index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(bin_index, minlength=bins)
    return Reliability(
        edges=np.linspace(0, 1, bins + 1),
        counts=counts,
        confidence=_safe_divide(np.bincount(bin_index, confidence, bins), counts),
        accuracy=_safe_divide(np.bincount(bin_index, correct, bins), counts),
    )


def mcnemar(first_correct: BoolArray, second_correct: BoolArray) -> McNemarResult:
    """McNemar's exact test of two classifiers on the same N images (Dietterich 1998, 10.1162/089976698300017197).

    Args:
        first_correct: (N,) bool, where the first classifier is correct.
        second_correct: (N,) bool, where the second is.

    Raises:
        DataError: no images, or different numbers of them.
    """
    first, second = np.asarray(first_correct, dtype=bool), np.asarray(second_correct, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise DataError(
            f"McNemar's test needs two predictions for every image, but got {first.size} and {second.size}. "
            "Evaluate both models on the same images."
        )
    n = first.size
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    difference, p_value = (only_first - only_second) / n, sign_test(only_first, only_second)
    interval = (-_upper_limit(only_second, only_first, n), _upper_limit(only_first, only_second, n))
    return McNemarResult(n, only_first, only_second, difference, interval, p_value)


def _upper_limit(wins: int, losses: int, n: int) -> float:
    """Upper end of the 95 % interval of (wins - losses) / n by Tango's score test (1998, Stat. Med. 17:891-908).

    It is the difference that the score test just does not reject, found by bisection.
    """

    def rejects(difference: float) -> bool:
        b = (2 * n - wins + losses) * difference - wins - losses
        root = math.sqrt(max(b**2 + 8 * n * losses * difference * (1 - difference), 0.0))
        losses_given = (root - b) / (4 * n)  # most likely fraction of losses, given the difference
        variance = n * (2 * losses_given + difference * (1 - difference))
        return n * difference - (wins - losses) > NORMAL_95 * math.sqrt(max(variance, 0.0))

    low, high = (wins - losses) / n, 1.0
    for _ in range(50):  # to 1e-15
        middle = (low + high) / 2
        low, high = (low, middle) if rejects(middle) else (middle, high)
    return high


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact p-value of ``wins`` against ``losses`` when both are equally probable.

    The tail is summed from its largest term down, so nothing overflows; relative error below 1e-9 at a million.
    """
    n, fewer = wins + losses, min(wins, losses)
    log_largest = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2)
    k = np.arange(fewer, 0, -1, dtype=np.float64)
    tail = 1 + float(np.cumprod(k / (n - k + 1)).sum())
    return min(1.0, 2 * math.exp(log_largest) * tail)


def auroc(low_scores: npt.ArrayLike, high_scores: npt.ArrayLike) -> float:
    """The probability that one of ``high_scores`` exceeds one of ``low_scores``, ties count half (Mann-Whitney)."""
    low, high = np.sort(np.asarray(low_scores, dtype=np.float64)), np.asarray(high_scores, dtype=np.float64)
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.mean() / (2 * len(low)))


def check_logits_labels(logits: npt.ArrayLike, labels: npt.ArrayLike, n_classes: int) -> tuple[Float64Array, Labels]:
    """``logits`` as (N, K) float64 and ``labels`` as (N,) int64 that match.

    DataError or ModelError if they do not, or if there are no images or the logits are not finite.
    """
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or scores.shape[1] != n_classes:
        raise ModelError(
            f"the logits have shape {scores.shape}, but {n_classes} classes need (N, {n_classes}). "
            "Use the model with the classes that it was trained on."
        )
    if not np.isfinite(scores).all():
        raise ModelError(
            "the logits contain NaN or infinity: training diverged. Train the model again with lower learning rates."
        )
    if truth.shape != (len(scores),) or not len(truth):
        raise DataError(f"{len(scores)} images have {truth.size} labels. Give one label for every image.")
    if truth.min() < 0 or truth.max() >= n_classes:
        raise DataError(
            f"labels range from {truth.min()} to {truth.max()}, but {n_classes} classes need 0 to {n_classes - 1}. "
            "Use a data set with the classes of the model."
        )
    return scores, truth.astype(np.int64)


def _safe_divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Float64Array:
    """``numerator / denominator``, and 0 where ``denominator`` is 0."""
    parts, wholes = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
