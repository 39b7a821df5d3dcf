"""Answers from models that have not seen a label, for every picture, and what they say of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.data.release import FASHION_MNIST
from clothier.data.splits import stratified_folds
from clothier.exploration.audit.label_issues import LabelIssues, check_labels, label_issues
from clothier.metrics import standard_error
from clothier.training.out_of_fold import out_of_fold_probabilities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.types import Floats, Progress

FOLDS = 3
"""Three trainings on two thirds each, some nine minutes on two cores; five on four fifths would take twice as long."""

REFERENCE_ERRORS = (45592, 16691, 28264, 33982, 40513, 42018)
"""Training pictures of Fashion-MNIST that :data:`SOURCE` shows as examples; the ranking was chosen before a look at
them."""

REFERENCE_SOURCE = "arXiv 1912.05283 and zalandoresearch/fashion-mnist issue 166"
REFERENCE_CLAIM = "the label is wrong"


@dataclass(frozen=True, slots=True, eq=False)
class SplitLabelIssues:
    """What held-out models say of one part's labels.

    Attributes:
        issues: what confident learning found.
        accuracy: share of labels that the models' most probable class agrees with, 0 to 1.
    """

    issues: LabelIssues
    accuracy: float

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """Counts, thresholds by class (null without pictures) and the joint counts; rows are the labels borne."""
        n, thresholds = len(self.issues.margin), self.issues.thresholds.tolist()
        return {
            "n": n,
            "issues": len(self.issues.issue_indices),
            "held_out_accuracy": self.accuracy,
            "standard_error": standard_error(self.accuracy, n),
            "thresholds": {
                name: value if np.isfinite(value) else None for name, value in zip(classes, thresholds, strict=True)
            },
            "joint": self.issues.confident_joint.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class LabelAudit:
    """What held-out models say of the labels of both parts.

    Attributes:
        model: the recipe of the models, such as ``cnn fast``.
        classes: the K names.
        train: each training picture by the one model that did not learn from it.
        test: each test picture by the mean of all models.
        reference_errors: one entry for each picture of :data:`KNOWN`; empty for any other data set.
    """

    model: str
    classes: tuple[str, ...]
    train: SplitLabelIssues
    test: SplitLabelIssues
    reference_errors: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it, without the findings."""
        return {
            "model": self.model,
            "folds": FOLDS,
            "train": self.train.to_json(self.classes),
            "test": self.test.to_json(self.classes),
            "reference_errors": list(self.reference_errors),
        }


def audit_labels(
    dataset: Dataset,
    groups: Iterable[tuple[int, ...]],
    *,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> LabelAudit:
    """Trains :data:`FOLDS` models and holds every label against those that have not seen it.

    Args:
        dataset: whose labels.
        groups: groups of training places that are the same picture or nearly; a fold holds all of a group or none,
            or a copy would give the label away.
        recipe: of the models.
        seed: of the folds and the trainings.
        progress: told of every epoch.

    Raises:
        DataError: a class has too few pictures for the folds, or a part has one class only.
    """
    for part in (dataset.train, dataset.test):
        check_labels(part.labels, len(dataset.classes))
    folds = stratified_folds(dataset.train.labels, FOLDS, seed, groups)
    answers = out_of_fold_probabilities(
        dataset.train, dataset.test.images, dataset.classes, recipe, folds, seed=seed, progress=progress
    )
    train, test = (
        _check_split(dataset.train, answers.probabilities),
        _check_split(dataset.test, answers.extra_probabilities),
    )
    model = f"{recipe.model} {recipe.preset}"
    return LabelAudit(model, dataset.classes, train, test, rank_reference_errors(dataset, train.issues))


def rank_reference_errors(dataset: Dataset, train_issues: LabelIssues) -> tuple[dict[str, Any], ...]:
    """Where the ranking puts the pictures of :data:`KNOWN`: rank 1 is the most suspicious label of the N.

    Args:
        dataset: for anything but today's Fashion-MNIST the answer is empty: the places mean nothing there.
        train_issues: on its training part.
    """
    if dict(dataset.digests) != dict(FASHION_MNIST.digests):
        return ()
    ranks, issues = train_issues.ranks, set(train_issues.issue_indices.tolist())
    return tuple(
        {
            "index": index,
            "class": dataset.classes[dataset.train.labels[index]],
            "suggested": dataset.classes[train_issues.suggested_labels[index]],
            "score": round(-float(train_issues.margin[index]), 6),
            "issue": index in issues,
            "rank": int(ranks[index]),
            "of": len(ranks),
            "source": REFERENCE_SOURCE,
            "source_says": REFERENCE_CLAIM,
        }
        for index in REFERENCE_ERRORS
    )


def _check_split(split: LabeledImages, probabilities: Floats) -> SplitLabelIssues:
    accuracy = float((probabilities.argmax(axis=1) == split.labels).mean())
    return SplitLabelIssues(label_issues(split.labels, probabilities), accuracy)
