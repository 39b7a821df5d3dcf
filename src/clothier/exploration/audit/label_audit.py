"""Answers from models that have not seen a label, for every picture, and what they say of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.data.release import FASHION_MNIST
from clothier.data.splits import stratified_folds
from clothier.exploration.audit.label_issues import LabelIssues, check_labels, label_issues
from clothier.metrics import standard_error
from clothier.training.out_of_fold import out_of_fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.data.dataset import Dataset, Labelled
    from clothier.recipes import Recipe
    from clothier.types import Floats, Progress

FOLDS = 3
"""Three trainings on two thirds each, some nine minutes on two cores; five on four fifths would take twice as long."""

KNOWN = (45592, 16691, 28264, 33982, 40513, 42018)
"""Training pictures of Fashion-MNIST that :data:`SOURCE` shows as examples; the ranking was chosen before a look at
them."""

SOURCE = "arXiv 1912.05283 and zalandoresearch/fashion-mnist issue 166"
SAYS = "the label is wrong"


@dataclass(frozen=True, slots=True, eq=False)
class PartLabels:
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
            "issues": len(self.issues.issues),
            "held_out_accuracy": self.accuracy,
            "standard_error": standard_error(self.accuracy, n),
            "thresholds": {
                name: value if np.isfinite(value) else None for name, value in zip(classes, thresholds, strict=True)
            },
            "joint": self.issues.joint.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class LabelAudit:
    """What held-out models say of the labels of both parts.

    Attributes:
        model: the recipe of the models, such as ``cnn fast``.
        classes: the K names.
        train: each training picture by the one model that did not learn from it.
        test: each test picture by the mean of all models.
        known: one entry for each picture of :data:`KNOWN`; empty for any other data set.
    """

    model: str
    classes: tuple[str, ...]
    train: PartLabels
    test: PartLabels
    known: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it, without the findings."""
        return {
            "model": self.model,
            "folds": FOLDS,
            "train": self.train.to_json(self.classes),
            "test": self.test.to_json(self.classes),
            "known": list(self.known),
        }


def audit_labels(
    dataset: Dataset,
    together: Iterable[tuple[int, ...]],
    *,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> LabelAudit:
    """Trains :data:`FOLDS` models and holds every label against those that have not seen it.

    Args:
        dataset: whose labels.
        together: groups of training places that are the same picture or nearly; a fold holds all of a group or none,
            or a copy would give the label away.
        recipe: of the models.
        seed: of the folds and the trainings.
        progress: told of every epoch.

    Raises:
        DataError: a class has too few pictures for the folds, or a part has one class only.
    """
    for part in (dataset.train, dataset.test):
        check_labels(part.labels, len(dataset.classes))
    folds = stratified_folds(dataset.train.labels, FOLDS, seed, together)
    answers = out_of_fold(
        dataset.train, dataset.test.images, dataset.classes, recipe, folds, seed=seed, progress=progress
    )
    train, test = _judged(dataset.train, answers.probabilities), _judged(dataset.test, answers.others)
    model = f"{recipe.model} {recipe.preset}"
    return LabelAudit(model, dataset.classes, train, test, known_pictures(dataset, train.issues))


def known_pictures(dataset: Dataset, found: LabelIssues) -> tuple[dict[str, Any], ...]:
    """Where the ranking puts the pictures of :data:`KNOWN`: rank 1 is the most suspicious label of the N.

    Args:
        dataset: for anything but today's Fashion-MNIST the answer is empty: the places mean nothing there.
        found: on its training part.
    """
    if dict(dataset.digests) != dict(FASHION_MNIST.digests):
        return ()
    ranks, issues = found.ranks, set(found.issues.tolist())
    return tuple(
        {
            "index": index,
            "class": dataset.classes[dataset.train.labels[index]],
            "suggested": dataset.classes[found.suggested[index]],
            "score": round(-float(found.margin[index]), 6),
            "issue": index in issues,
            "rank": int(ranks[index]),
            "of": len(ranks),
            "source": SOURCE,
            "source_says": SAYS,
        }
        for index in KNOWN
    )


def _judged(part: Labelled, probabilities: Floats) -> PartLabels:
    accuracy = float((probabilities.argmax(axis=1) == part.labels).mean())
    return PartLabels(label_issues(part.labels, probabilities), accuracy)
