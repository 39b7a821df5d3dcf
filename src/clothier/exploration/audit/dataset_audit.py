"""The audit of ``clothier explore``: what is wrong with a data set, and what that does to a model's figures."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier import recipes
from clothier.data.combined_splits import CombinedSplits
from clothier.data.fingerprints import compute_fingerprints
from clothier.evaluation.classifier import require_same_classes
from clothier.exploration.audit.duplicates import CORRELATION_GRID, NEAR_PHOTO_CORRELATION, find_duplicates
from clothier.exploration.audit.findings import (
    COLUMNS,
    Finding,
    duplicate_rows,
    label_rows,
    outlier_rows,
    unreadable_rows,
)
from clothier.exploration.audit.label_audit import audit_labels
from clothier.exploration.audit.outliers import OUTLIER_REASONS, outliers
from clothier.exploration.audit.split_overlap import (
    count_exact_duplicates,
    count_near_duplicates,
    leaked_test_images,
    train_groups,
)
from clothier.metrics import standard_error
from clothier.report.figures.audit import audit_figures
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.exploration.audit.outliers import Outlier
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import Classifier, Progress

    Flags = npt.NDArray[np.bool_]

TASK = "audit"


@dataclass(frozen=True, slots=True, eq=False)
class AuditResult:
    """What was found.

    Attributes:
        counts: how much of what, and over how many pictures, as JSON holds it.
        findings: kind by kind: unreadable, exact and near duplicates, labels (train, then test), outliers; of a kind
            the most suspicious first.
        figures: name to contact sheet; only of what there is.
    """

    counts: Mapping[str, Any]
    findings: tuple[Finding, ...]
    figures: dict[str, CaptionedFigure]

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


def audit_dataset(
    dataset: Dataset,
    *,
    with_labels: bool = False,
    reference_model: Classifier | None = None,
    recipe: recipes.Recipe | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> AuditResult:
    """Looks for duplicates and outliers in both parts, and for wrong labels where asked.

    Args:
        dataset: what to look at. Where its pictures are files, those are read again: copies of a photograph are
            found in the whole of it, not in the view of a model.
        with_labels: also train models on folds and hold the labels against them; minutes.
        reference_model: a model whose accuracy on the test part is stated with and without the pictures that training
            pictures repeat.
        recipe: of the folds' models; None for the ``fast`` CNN.
        seed: of the folds and their models.
        progress: told of photos read and of every stage and epoch.

    Raises:
        DataError: no picture has contrast, nearly all are the same, a class is too small for the folds, or there is
            one class only.
        ImageError: a file that was read before cannot be read again.
        UsageError: the classifier knows other classes.
    """
    if reference_model:
        require_same_classes([reference_model], dataset)
    pool = CombinedSplits.from_dataset(dataset)
    duplicates = _find_duplicates(pool, progress)
    progress(TASK, 1, 3, "outliers")
    unlike = outliers(pool.images, pool.labels)
    judged = None
    if with_labels:
        together = train_groups(duplicates.groups_at(duplicates.min_correlation), pool.n_train)
        recipe = recipe or recipes.preset("cnn", "fast")
        judged = audit_labels(dataset, together, recipe=recipe, seed=seed, progress=progress)
    progress(TASK, 2, 3, "figures")
    counts = {
        "data": dataset.name,
        "n": {"train": len(dataset.train), "test": len(dataset.test)},
        "duplicates": _duplicate_counts(pool, duplicates),
        "labels": judged and judged.to_json(),
        "outliers": _count_by_reason(unlike),
        "unreadable": len(dataset.failures),
        "classifier": reference_model and _accuracy_without_leakage(reference_model, dataset, duplicates),
    }
    issues = (judged.train.issues, judged.test.issues) if judged else ()
    figures = audit_figures(pool, duplicates, unlike, issues)
    progress(TASK, 3, 3)
    return AuditResult(counts, _findings(dataset, pool, duplicates, unlike, judged), figures)


def _findings(
    dataset: Dataset,
    pool: CombinedSplits,
    duplicates: Duplicates,
    found_outliers: Sequence[Outlier],
    label_audit: LabelAudit | None,
) -> tuple[Finding, ...]:
    found = [*unreadable_rows(dataset.failures), *duplicate_rows(pool, duplicates)]
    if label_audit:
        found += label_rows(pool, 0, label_audit.train.issues)
        found += label_rows(pool, pool.n_train, label_audit.test.issues)
    return (*found, *outlier_rows(pool, found_outliers))


def _find_duplicates(pool: CombinedSplits, progress: Progress) -> Duplicates:
    if not pool.files:
        progress(TASK, 0, 3, "duplicates")
        return find_duplicates(pool.images)
    prints = compute_fingerprints(pool.files, progress)
    progress(TASK, 0, 3, "duplicates")
    return find_duplicates(prints.thumbnails, prints.digests, NEAR_PHOTO_CORRELATION)


def _duplicate_counts(pool: CombinedSplits, duplicates: Duplicates) -> dict[str, Any]:
    near = count_near_duplicates(duplicates.near, duplicates.near_pairs, pool.labels, pool.n_train)
    groups = duplicates.groups_at(duplicates.min_correlation)
    return {
        "exact": count_exact_duplicates(duplicates.exact, pool.labels, pool.n_train).to_json(),
        "near": {"correlation": duplicates.min_correlation, **near.to_json()},
        "pairs_by_correlation": {str(least): len(duplicates.pairs.above(least)) for least in CORRELATION_GRID},
        "test_repeated_in_train": int(leaked_test_images(groups, len(pool), pool.n_train).sum()),
    }


def _count_by_reason(found_outliers: Sequence[Outlier]) -> dict[str, int]:
    suspicions = [outlier.reason for outlier in found_outliers]
    return {"n": len(suspicions), **{name: suspicions.count(name) for name in OUTLIER_REASONS}}


def _accuracy_without_leakage(reference_model: Classifier, dataset: Dataset, duplicates: Duplicates) -> dict[str, Any]:
    """Accuracy on the whole test part, and on what is left of it without the pictures repeated in training."""
    right = reference_model.run(dataset.test.images).logits.argmax(axis=1) == dataset.test.labels
    in_train, n = len(dataset.train), len(dataset.train) + len(dataset.test)
    kept = {least: ~leaked_test_images(duplicates.groups_at(least), n, in_train) for least in CORRELATION_GRID}
    return {
        "name": reference_model.name,
        "test": _accuracy(right),
        "test_without_repeated": {str(least): _accuracy(right[wanted]) for least, wanted in kept.items()},
    }


def _accuracy(correct: Flags) -> dict[str, Any]:
    """With its n and standard error; null where no picture is left."""
    if not len(correct):
        return {"n": 0, "accuracy": None, "standard_error": None}
    accuracy = float(correct.mean())
    return {"n": len(correct), "accuracy": accuracy, "standard_error": standard_error(accuracy, len(correct))}
