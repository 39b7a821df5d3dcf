"""Suspected label errors by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068), with cleanlab.

A class's threshold is the mean probability that the model gives the class over the images with its label. An image
counts for the most probable class that reaches its threshold; where that is not its label, the label is an issue. The
probabilities must come from models that were not trained on the image.

Legend: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError, ModelError
from clothier.metrics import standard_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import Float64Array, Int64Array, Labels


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """What confident learning says about N labels.

    Attributes:
        accuracy: fraction of the labels that equal the models' most probable class.
        thresholds: (K,) float64, a class's mean probability over its own images; 2, which no probability reaches, for
            a class without images.
        confident_joint: (K, K) int64, images by label (row) and confident class (column); cleanlab counts 1 or more
            on the diagonal.
        suggested_labels: (N,) int64, the most probable class other than the label.
        margin: (N,) float64, -1 to 1: probability of the label minus that of ``suggested_labels``.
        issue_indices: (M,) int64, the issues, the lowest margin first.
    """

    accuracy: float
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

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Counts, thresholds by class (null without images) and the confident joint."""
        n, thresholds = len(self.margin), self.thresholds.tolist()
        return {
            "n": n,
            "issues": len(self.issue_indices),
            "out_of_fold_accuracy": self.accuracy,
            "standard_error": standard_error(self.accuracy, n),
            "thresholds": {
                name: value if value <= 1 else None for name, value in zip(classes, thresholds, strict=True)
            },
            "confident_joint": self.confident_joint.tolist(),
        }


def label_issues(labels: Labels, probabilities: npt.ArrayLike) -> LabelIssues:
    """Finds the labels (N,) that the probabilities (N, K) of a model contradict with confidence.

    Raises:
        ModelError: the probabilities hold NaN.
        DataError: labels outside 0 to K - 1, or all of one class.
    """
    from cleanlab.count import compute_confident_joint, get_confident_thresholds  # takes over a second with pandas
    from cleanlab.filter import find_label_issues

    probs = np.asarray(probabilities, dtype=np.float64)
    if not np.isfinite(probs).all():
        n_bad = np.count_nonzero(~np.isfinite(probs).all(axis=1))
        raise ModelError(
            f"the probabilities of {n_bad} of {len(probs)} images are NaN or infinite: training diverged. Train again "
            "with lower learning rates."
        )
    check_labels(labels, probs.shape[1])
    given = np.arange(len(labels)), labels
    others = probs.copy()
    others[given] = -1.0
    margin = probs[given] - others.max(axis=1)
    thresholds = get_confident_thresholds(labels, probs)
    indices = np.flatnonzero(find_label_issues(labels, probs, filter_by="confident_learning", n_jobs=1))
    return LabelIssues(
        accuracy=float((probs.argmax(axis=1) == labels).mean()),
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
