"""Labels that are probably wrong, by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068). numpy only.

A class's threshold is the mean probability that a model gives the class over the pictures that bear its label. A
picture counts for the most probable class among those that reach their thresholds; where that is not the label it
bears, the label is an issue. The probabilities must come from models that have not seen the picture's label.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Labels

    Doubles = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]
    Indices = npt.NDArray[np.int64]

TIE_TOLERANCE = 1e-6  # probabilities that differ by less are the same; a threshold is a mean, and a mean is rounded
SUM_TOLERANCE = 1e-3  # how far the sum of a picture's probabilities may be from 1; float16 errs by less


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """What confident learning says of N labels.

    Attributes:
        thresholds: (K,) float64, a class's mean probability over its own pictures; infinite where it has none.
        confident_joint: (K, K) int64, pictures by the label they bear (row) and the class that they confidently belong to.
        suggested_labels: (N,) int64, the most probable class other than the label borne.
        margin: (N,) float64, -1 to 1: probability of the label borne less that of ``suggested_labels``; the paper ranks by
            it, because it asks for a better label and not for a doubtful model alone.
        issue_indices: (M,) int64, places of the issues, the lowest margin first.
    """

    thresholds: Doubles
    confident_joint: Counts
    suggested_labels: Labels
    margin: Doubles
    issue_indices: Indices

    @property
    def ranks(self) -> Indices:
        """(N,) int64: 1 for the picture with the lowest margin, N for the highest; issues or not."""
        ranks = np.empty(len(self.margin), np.int64)
        ranks[np.argsort(self.margin, kind="stable")] = np.arange(1, len(ranks) + 1)
        return ranks


def label_issues(labels: Labels, probabilities: npt.ArrayLike) -> LabelIssues:
    """Holds N labels against probabilities of models that have not seen them.

    Args:
        labels: (N,) int64, 0 to K - 1.
        probabilities: (N, K), rows sum to 1.

    Raises:
        ModelError: probabilities that are none, hold NaN, or are not K a picture.
        DataError: labels outside 0 to K - 1, or all of one class.
    """
    chances = _check_probabilities(labels, probabilities)
    given = np.arange(len(labels)), labels
    thresholds = class_thresholds(labels, chances)
    confident = np.where(chances >= thresholds - TIE_TOLERANCE, chances, -1.0)
    guess, is_confident = confident.argmax(axis=1), confident.max(axis=1) >= 0
    others = chances.copy()
    others[given] = -1.0
    # Where the label borne is as probable as any other, thresholds alone would blame it for a class that is rarer.
    doubted = is_confident & (guess != labels) & (chances[given] < chances.max(axis=1) - TIE_TOLERANCE)
    margin = chances[given] - others.max(axis=1)
    places = np.flatnonzero(doubted)
    return LabelIssues(
        thresholds=thresholds,
        confident_joint=_confident_joint(labels[is_confident], guess[is_confident], chances.shape[1]),
        suggested_labels=others.argmax(axis=1),
        margin=margin,
        issue_indices=places[np.argsort(margin[places], kind="stable")],
    )


def class_thresholds(labels: Labels, probabilities: Doubles) -> Doubles:
    """(K,) float64: each class's mean probability over the pictures that bear its label; infinite without any."""
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], minlength=probabilities.shape[1])
    return np.asarray(np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0))


def _confident_joint(labels: Labels, predicted: Labels, classes: int) -> Counts:
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _check_probabilities(labels: Labels, probabilities: npt.ArrayLike) -> Doubles:
    chances = np.asarray(probabilities, dtype=np.float64)
    if chances.ndim != 2 or len(chances) != len(labels) or chances.shape[1] < 2:
        raise ModelError(
            f"probabilities have the shape {chances.shape}, and {len(labels)} labels want ({len(labels)}, K), K "
            "classes of two or more. Give the answers for these pictures."
        )
    if not np.isfinite(chances).all():
        raise ModelError(
            f"the probabilities of {np.count_nonzero(~np.isfinite(chances).all(axis=1))} of {len(chances)} pictures "
            "hold NaN or infinity: the model's training went astray. Train it again."
        )
    if chances.min() < 0 or np.abs(chances.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise ModelError(
            f"probabilities run from {chances.min():.4g} and sum to {chances.sum(axis=1).min():.4g} to "
            f"{chances.sum(axis=1).max():.4g} a picture; 0 or more with a sum of 1 are needed. Apply softmax to logits."
        )
    check_labels(labels, chances.shape[1])
    return chances


def check_labels(labels: Labels, classes: int) -> None:
    """Refuses labels that nothing can be said of, before models are trained for it.

    Raises:
        DataError: labels outside 0 to K - 1 for K = ``classes``, or all of one class.
    """
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"labels run from {labels.min()} to {labels.max()}, and {classes} classes want 0 to {classes - 1}. "
            "Give the labels that belong to these probabilities."
        )
    if labels.min() == labels.max():
        raise DataError(
            f"all {len(labels)} pictures are labelled {labels[0]}: with one class only, no label can be held against "
            "another. Give pictures of two classes or more."
        )
