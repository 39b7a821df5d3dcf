"""The misclassified images of a classifier.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import UsageError
from clothier.metrics import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Labels


@dataclass(frozen=True, slots=True)
class Misclassification:
    """The prediction for one image."""

    index: int  # of the image among the N
    true: int  # its label
    predicted: int
    probability: float  # of the predicted label, 0 to 1


def most_confident_errors(logits: npt.ArrayLike, labels: Labels, count: int) -> tuple[Misclassification, ...]:
    """The ``count`` errors with the highest probability, or all if there are fewer; the most confident first.

    Args:
        logits: (N, K), before softmax.
        labels: (N,), the true labels.
        count: the maximum number.

    Raises:
        UsageError: ``count`` is no whole number from 0.
    """
    if not (hasattr(count, "__index__") and count >= 0):
        raise UsageError(f"count is {count!r}; it must be a whole number, 0 or more.")
    wrong = np.asarray(logits).argmax(axis=1) != labels
    return _misclassifications(logits, labels, np.flatnonzero(wrong))[:count]


def only_first_correct(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: Labels, count: int
) -> tuple[tuple[Misclassification, Misclassification], ...]:
    """The predictions of both classifiers for images that only the first got right.

    Of at most ``count`` images, those with the most confident errors of the second, in that order. Arguments as for
    :func:`most_confident_errors`.
    """
    differ = (np.asarray(first).argmax(axis=1) == labels) & (np.asarray(second).argmax(axis=1) != labels)
    errors = _misclassifications(second, labels, np.flatnonzero(differ))[:count]
    correct = {one.index: one for one in _misclassifications(first, labels, np.array([e.index for e in errors], int))}
    return tuple((correct[error.index], error) for error in errors)


def _misclassifications(
    logits: npt.ArrayLike, labels: Labels, indices: npt.NDArray[np.intp]
) -> tuple[Misclassification, ...]:
    """The predictions for the images at ``indices``, the most confident first; ties in the order of the images."""
    probabilities = softmax(np.asarray(logits)[indices]) if indices.size else np.empty((0, 1))
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    return tuple(
        Misclassification(int(index), int(labels[index]), int(row.argmax()), float(row.max()))
        for index, row in zip(indices[order], probabilities[order], strict=True)
    )
