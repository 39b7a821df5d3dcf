"""Suspected label errors of a dataset, from probabilities of models that have not seen the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.data.release import FASHION_MNIST
from clothier.exploration.audit.label_issues import LabelIssues, label_issues

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Floats

REFERENCE_ERRORS = (45592, 16691, 28264, 33982, 40513, 42018)
"""Training images of Fashion-MNIST that :data:`REFERENCE_SOURCE` shows as label errors. The ranking was chosen before
looking at them."""

REFERENCE_SOURCE = "arXiv 1912.05283 and zalandoresearch/fashion-mnist issue 166"


@dataclass(frozen=True, slots=True, eq=False)
class LabelAudit:
    """The label issues of both splits.

    Attributes:
        model: the recipe of the models, such as ``cnn fast``.
        n_folds: how many models there were, one per fold.
        train: from the one model that was not trained on the image.
        test: from the mean of all models.
        reference_errors: one entry per image of :data:`REFERENCE_ERRORS`; empty for any other dataset.
    """

    model: str
    n_folds: int
    train: LabelIssues
    test: LabelIssues
    reference_errors: tuple[dict[str, Any], ...]

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """As ``--json`` prints it, without the findings."""
        return {
            "model": self.model,
            "folds": self.n_folds,
            "train": self.train.to_json(classes),
            "test": self.test.to_json(classes),
            "reference_errors": list(self.reference_errors),
        }


def audit_labels(
    dataset: Dataset, train_probabilities: Floats, test_probabilities: Floats, *, model: str, n_folds: int
) -> LabelAudit:
    """Compares the labels of N training and M test images with out-of-fold probabilities (N, K) and (M, K).

    Raises:
        ModelError: the probabilities are NaN.
        DataError: a split has one class only.
    """
    train = label_issues(dataset.train.labels, train_probabilities)
    test = label_issues(dataset.test.labels, test_probabilities)
    return LabelAudit(model, n_folds, train, test, rank_reference_errors(dataset, train))


def rank_reference_errors(dataset: Dataset, train_issues: LabelIssues) -> tuple[dict[str, Any], ...]:
    """The rank of each image of :data:`REFERENCE_ERRORS`; 1 is the most suspicious of the N training labels.

    Empty for any dataset but Zalando's current Fashion-MNIST: the indices mean nothing elsewhere.
    """
    if dict(dataset.digests) != dict(FASHION_MNIST.digests):
        return ()
    ranks, issues = train_issues.ranks, set(train_issues.issue_indices.tolist())
    return tuple(
        {
            "index": index,
            "class": dataset.classes[dataset.train.labels[index]],
            "suggested_label": dataset.classes[train_issues.suggested_labels[index]],
            "score": round(-float(train_issues.margin[index]), 6),
            "issue": index in issues,
            "rank": int(ranks[index]),
            "of": len(ranks),
            "source": REFERENCE_SOURCE,
            "source_claim": "the label is wrong",
        }
        for index in REFERENCE_ERRORS
    )
