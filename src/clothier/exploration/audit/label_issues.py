"""Suspected label errors by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068), with cleanlab.

A class's threshold is the mean probability that the model gives the class over the images with its label. An image
counts for the most probable class that reaches its threshold; where that is not its label, the label is an issue. The
probabilities must come from models that were not trained on the image.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues

from clothier.errors import DataError, ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array, Int64Array, Labels


SUM_TOLERANCE = 1e-3  # how far the sum of an image's probabilities may be from 1; float16 errs by less


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """What confident learning says about N labels.

    Attributes:
        thresholds: (K,) float64, a class's mean probability over its own images; 2, which no probability reaches, for
            a class without images.
        confident_joint: (K, K) int64, images by label (row) and confident class (column); cleanlab counts 1 or more
            on the diagonal.
        suggested_labels: (N,) int64, the most probable class other than the label.
        margin: (N,) float64, -1 to 1: probability of the label minus that of ``suggested_labels``.
        issue_indices: (M,) int64, the issues, the lowest margin first.
    """

    thresholds: Float64Array
    confident_joint: Int64Array
    suggested_labels: Labels
    margin: Float64Array
    issue_indices: Int64Array

    @property
    def ranks(self) -> Int64Array:
        """(N,) int64: 1 for the image with the lowest margin, N for the highest; issues or not."""
        ranks = np.empty(len(self.margin), np.int64)
        ranks[np.argsort(self.margin, kind="stable")] = np.arange(1, len(ranks) + 1)
        return ranks


def label_issues(labels: Labels, probabilities: npt.ArrayLike) -> LabelIssues:
    """Finds the labels that a model contradicts with confidence.

    Args:
        labels: (N,) int64, 0 to K - 1.
        probabilities: (N, K), rows sum to 1.

    Raises:
        ModelError: the probabilities hold NaN, have another shape, or do not sum to 1.
        DataError: labels outside 0 to K - 1, or all of one class.
    """
    probs = _check_probabilities(labels, probabilities)
    given = np.arange(len(labels)), labels
    others = probs.copy()
    others[given] = -1.0
    margin = probs[given] - others.max(axis=1)
    thresholds = get_confident_thresholds(labels, probs)
    indices = np.flatnonzero(find_label_issues(labels, probs, filter_by="confident_learning", n_jobs=1))
    return LabelIssues(
        thresholds=thresholds,
        confident_joint=compute_confident_joint(labels, probs, thresholds=thresholds, calibrate=False),
        suggested_labels=others.argmax(axis=1),
        margin=margin,
        issue_indices=indices[np.argsort(margin[indices], kind="stable")],
    )


def check_labels(labels: Labels, n_classes: int) -> None:
    """Refuses labels that cannot be audited, before models are trained for it.

    Raises:
        DataError: labels outside 0 to ``n_classes`` - 1, or all of one class.
    """
    if labels.min() < 0 or labels.max() >= n_classes:
        raise DataError(
            f"labels range from {labels.min()} to {labels.max()}; with {n_classes} classes they must be 0 to "
            f"{n_classes - 1}. Give the labels that belong to these probabilities."
        )
    if labels.min() == labels.max():
        raise DataError(
            f"all {len(labels)} images have the label {labels[0]}; label errors can be found among two classes or "
            "more. Give images of two or more classes."
        )


def _check_probabilities(labels: Labels, probabilities: npt.ArrayLike) -> Float64Array:
    probs = np.asarray(probabilities, dtype=np.float64)
    if probs.ndim != 2 or len(probs) != len(labels) or probs.shape[1] < 2:
        raise ModelError(
            f"probabilities have the shape {probs.shape}; {len(labels)} labels need ({len(labels)}, K) with two or "
            "more classes K. Give the predictions for these images."
        )
    if not np.isfinite(probs).all():
        n_bad = np.count_nonzero(~np.isfinite(probs).all(axis=1))
        raise ModelError(
            f"the probabilities of {n_bad} of {len(probs)} images are NaN or infinite: training diverged. Train again "
            "with lower learning rates."
        )
    sums = probs.sum(axis=1)
    if probs.min() < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE:
        raise ModelError(
            f"probabilities are {probs.min():.4g} or more and sum to {sums.min():.4g} to {sums.max():.4g} per image; "
            "they must be 0 or more and sum to 1. Apply softmax to logits."
        )
    check_labels(labels, probs.shape[1])
    return probs
