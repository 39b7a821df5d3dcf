"""The misclassified images of a classifier.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import BoolArray, Labels


@dataclass(frozen=True, slots=True)
class Misclassification:
    """The prediction for one image.

    Attributes:
        index: of the image among the N.
        true: its label.
        predicted: the predicted label.
        probability: of the predicted label, 0 to 1.
    """

    index: int
    true: int
    predicted: int
    probability: float


def most_confident_errors(logits: npt.ArrayLike, labels: Labels, count: int) -> tuple[Misclassification, ...]:
    """The ``count`` errors with the highest probability, or all if there are fewer; the most confident first.

    Args:
        logits: (N, K), before softmax.
        labels: (N,), the true labels.
        count: the maximum number.
    """
    wrong = np.asarray(logits).argmax(axis=1) != labels
    return _most_confident(logits, labels, wrong, count)


def only_first_correct(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: Labels, count: int
) -> tuple[tuple[Misclassification, Misclassification], ...]:
    """Images that only the first classifier got right; those with the most confident errors of the second.

    Args:
        first: (N, K) logits of the correct classifier.
        second: (N, K) logits of the other.
        labels: (N,), the true labels.
        count: the maximum number.

    Returns:
        The predictions of both, one pair for each image, the most confident errors first.
    """
    differ = (np.asarray(first).argmax(axis=1) == labels) & (np.asarray(second).argmax(axis=1) != labels)
    seconds = _most_confident(second, labels, differ, count)
    return tuple((_misclassification(first, labels, one.index), one) for one in seconds)


def _most_confident(
    logits: npt.ArrayLike, labels: Labels, mask: BoolArray, count: int
) -> tuple[Misclassification, ...]:
    indices = np.flatnonzero(mask)
    confidence = softmax(np.asarray(logits)[indices]).max(axis=1) if indices.size else np.empty(0)
    # A stable sort leaves ties in the order of the images, so the result is the same in every run.
    order = np.argsort(-confidence, kind="stable")[:count]
    return tuple(_misclassification(logits, labels, int(index)) for index in indices[order])


def _misclassification(logits: npt.ArrayLike, labels: Labels, index: int) -> Misclassification:
    probabilities = softmax(np.asarray(logits)[index : index + 1])[0]
    predicted = int(probabilities.argmax())
    return Misclassification(index, int(labels[index]), predicted, float(probabilities[predicted]))
