"""Where a classifier errs: the pictures worth looking at. numpy only.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Labels


@dataclass(frozen=True, slots=True)
class Misclassification:
    """What a classifier said of one picture.

    Attributes:
        index: the picture's place among the N.
        true: its label.
        predicted: the label that the classifier gave.
        probability: of the answered label, 0 to 1.
    """

    index: int
    true: int
    predicted: int
    probability: float


def most_confident_errors(logits: npt.ArrayLike, labels: Labels, count: int) -> tuple[Misclassification, ...]:
    """The ``count`` wrong answers with the highest probability, or all where there are fewer; surest first.

    Args:
        logits: (N, K), before softmax.
        labels: (N,), the truth.
        count: how many at most.
    """
    wrong = np.asarray(logits).argmax(axis=1) != labels
    return _most_confident(logits, labels, wrong, count)


def only_first_correct(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: Labels, count: int
) -> tuple[tuple[Misclassification, Misclassification], ...]:
    """Pictures that the first classifier got right and the second wrong, where the second was surest of itself.

    Args:
        first: (N, K) logits of the one that was right.
        second: (N, K) logits of the one that was wrong.
        labels: (N,), the truth.
        count: how many at most.

    Returns:
        The answers of both, a pair a picture, the second's surest first.
    """
    differ = (np.asarray(first).argmax(axis=1) == labels) & (np.asarray(second).argmax(axis=1) != labels)
    seconds = _most_confident(second, labels, differ, count)
    return tuple((_misclassification(first, labels, said.index), said) for said in seconds)


def _most_confident(
    logits: npt.ArrayLike, labels: Labels, mask: npt.NDArray[np.bool_], count: int
) -> tuple[Misclassification, ...]:
    places = np.flatnonzero(mask)
    confidence = softmax(np.asarray(logits)[places]).max(axis=1) if places.size else np.empty(0)
    # A stable sort leaves ties in the order of the pictures, so the answer never changes between runs.
    order = np.argsort(-confidence, kind="stable")[:count]
    return tuple(_misclassification(logits, labels, int(place)) for place in places[order])


def _misclassification(logits: npt.ArrayLike, labels: Labels, index: int) -> Misclassification:
    probabilities = softmax(np.asarray(logits)[index : index + 1])[0]
    answered = int(probabilities.argmax())
    return Misclassification(index, int(labels[index]), answered, float(probabilities[answered]))
