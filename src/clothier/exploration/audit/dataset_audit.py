"""The audit of ``clothier explore``: what is wrong with a data set, and what that does to a model's figures."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier import recipes
from clothier.data.combined_splits import Pool
from clothier.data.fingerprints import read_prints
from clothier.evaluation.classifier import require_same_classes
from clothier.exploration.audit.duplicates import LOOSE, NEAR_PHOTOS, find_duplicates
from clothier.exploration.audit.findings import (
    COLUMNS,
    Finding,
    doubtful_labels,
    repeated,
    standing_out,
    unreadable,
)
from clothier.exploration.audit.label_audit import audit_labels
from clothier.exploration.audit.outliers import SUSPICIONS, outliers
from clothier.exploration.audit.split_overlap import repeated_in_train, tally_copies, tally_pairs, within_train
from clothier.metrics import standard_error
from clothier.report.figures.audit import audit_figures
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.exploration.audit.outliers import Outlier
    from clothier.report.captioned_figure import Drawing
    from clothier.types import Classifier, Progress

    Flags = npt.NDArray[np.bool_]

TASK = "audit"


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What was found.

    Attributes:
        counts: how much of what, and over how many pictures, as JSON holds it.
        findings: kind by kind: unreadable, exact and near duplicates, labels (train, then test), outliers; of a kind
            the most suspicious first.
        figures: name to contact sheet; only of what there is.
    """

    counts: Mapping[str, Any]
    findings: tuple[Finding, ...]
    figures: dict[str, Drawing]

    def to_json(self) -> dict[str, Any]:
        """The counts, then every finding."""
        return {**self.counts, "findings": [finding.to_json() for finding in self.findings]}

    def rows(self) -> list[dict[str, Any]]:
        """One row a finding, with the columns of :data:`clothier.exploration.audit.findings.COLUMNS`."""
        return [finding.to_json() for finding in self.findings]

    def to_csv(self) -> str:
        """``audit.csv``: a heading and :meth:`rows`; what a finding has not is empty."""
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows())
        return text.getvalue()


def audit(
    dataset: Dataset,
    *,
    labels: bool = False,
    classifier: Classifier | None = None,
    recipe: recipes.Recipe | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Audit:
    """Looks for duplicates and outliers in both parts, and for wrong labels where asked.

    Args:
        dataset: what to look at. Where its pictures are files, those are read again: copies of a photograph are
            found in the whole of it, not in the view of a model.
        labels: also train models on folds and hold the labels against them; minutes.
        classifier: a model whose accuracy on the test part is stated with and without the pictures that training
            pictures repeat.
        recipe: of the folds' models; None for the ``fast`` CNN.
        seed: of the folds and their models.
        progress: told of photos read and of every stage and epoch.

    Raises:
        DataError: no picture has contrast, nearly all are the same, a class is too small for the folds, or there is
            one class only.
        PhotoError: a file that was read before cannot be read again.
        UsageError: the classifier knows other classes.
    """
    if classifier:
        require_same_classes([classifier], dataset)
    pool = Pool.of(dataset)
    duplicates = _duplicates(pool, progress)
    progress(TASK, 1, 3, "outliers")
    unlike = outliers(pool.images, pool.labels)
    judged = None
    if labels:
        together = within_train(duplicates.groups_at(duplicates.least), pool.in_train)
        recipe = recipe or recipes.preset("cnn", "fast")
        judged = audit_labels(dataset, together, recipe=recipe, seed=seed, progress=progress)
    progress(TASK, 2, 3, "figures")
    counts = {
        "data": dataset.name,
        "n": {"train": len(dataset.train), "test": len(dataset.test)},
        "duplicates": _duplicate_counts(pool, duplicates),
        "labels": judged and judged.to_json(),
        "outliers": _by_suspicion(unlike),
        "unreadable": len(dataset.failures),
        "classifier": classifier and _held_against(classifier, dataset, duplicates),
    }
    issues = (judged.train.issues, judged.test.issues) if judged else ()
    figures = audit_figures(pool, duplicates, unlike, issues)
    progress(TASK, 3, 3)
    return Audit(counts, _findings(dataset, pool, duplicates, unlike, judged), figures)


def _findings(
    dataset: Dataset, pool: Pool, duplicates: Duplicates, unlike: Sequence[Outlier], judged: LabelAudit | None
) -> tuple[Finding, ...]:
    found = [*unreadable(dataset.failures), *repeated(pool, duplicates)]
    if judged:
        found += doubtful_labels(pool, 0, judged.train.issues)
        found += doubtful_labels(pool, pool.in_train, judged.test.issues)
    return (*found, *standing_out(pool, unlike))


def _duplicates(pool: Pool, progress: Progress) -> Duplicates:
    if not pool.files:
        progress(TASK, 0, 3, "duplicates")
        return find_duplicates(pool.images)
    prints = read_prints(pool.files, progress)
    progress(TASK, 0, 3, "duplicates")
    return find_duplicates(prints.small, prints.digests, NEAR_PHOTOS)


def _duplicate_counts(pool: Pool, duplicates: Duplicates) -> dict[str, Any]:
    near = tally_pairs(duplicates.near, duplicates.near_pairs, pool.labels, pool.in_train)
    groups = duplicates.groups_at(duplicates.least)
    return {
        "exact": tally_copies(duplicates.exact, pool.labels, pool.in_train).to_json(),
        "near": {"correlation": duplicates.least, **near.to_json()},
        "pairs_by_correlation": {str(least): len(duplicates.pairs.above(least)) for least in LOOSE},
        "test_repeated_in_train": int(repeated_in_train(groups, len(pool), pool.in_train).sum()),
    }


def _by_suspicion(unlike: Sequence[Outlier]) -> dict[str, int]:
    suspicions = [outlier.suspicion for outlier in unlike]
    return {"n": len(suspicions), **{name: suspicions.count(name) for name in SUSPICIONS}}


def _held_against(classifier: Classifier, dataset: Dataset, duplicates: Duplicates) -> dict[str, Any]:
    """Accuracy on the whole test part, and on what is left of it without the pictures repeated in training."""
    right = classifier.run(dataset.test.images).logits.argmax(axis=1) == dataset.test.labels
    in_train, n = len(dataset.train), len(dataset.train) + len(dataset.test)
    kept = {least: ~repeated_in_train(duplicates.groups_at(least), n, in_train) for least in LOOSE}
    return {
        "name": classifier.name,
        "test": _accuracy(right),
        "test_without_repeated": {str(least): _accuracy(right[wanted]) for least, wanted in kept.items()},
    }


def _accuracy(right: Flags) -> dict[str, Any]:
    """With its n and standard error; null where no picture is left."""
    if not len(right):
        return {"n": 0, "accuracy": None, "standard_error": None}
    accuracy = float(right.mean())
    return {"n": len(right), "accuracy": accuracy, "standard_error": standard_error(accuracy, len(right))}
