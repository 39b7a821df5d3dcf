"""The audit of a dataset: what is wrong with its images and labels, and how that changes a model's accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.data.combined_splits import CombinedSplits
from clothier.data.fingerprints import compute_fingerprints
from clothier.exploration.audit.duplicates import CORRELATION_GRID, NEAR_PHOTO_CORRELATION, find_duplicates
from clothier.exploration.audit.findings import Finding, duplicate_rows, label_rows, outlier_rows, unreadable_rows
from clothier.exploration.audit.outliers import OUTLIER_REASONS, outliers
from clothier.exploration.audit.split_overlap import count_exact_duplicates, count_near_duplicates, leaked_test_images
from clothier.metrics import standard_error
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.exploration.audit.outliers import Outlier
    from clothier.types import BoolArray, Classifier, Progress


TASK, STEPS = "audit", 2


@dataclass(frozen=True, slots=True, eq=False)
class AuditResult:
    """What was found.

    Attributes:
        combined: the images of both splits, to which all indices refer.
        duplicates: exact and near duplicates.
        outliers: the farthest first.
        labels: suspected label errors; None where labels were not audited.
        metrics: counts and accuracies as JSON holds them, without the findings.
        findings: by kind: unreadable, exact and near duplicates, labels (train, then test), outliers; within a kind
            the most suspicious first.
    """

    combined: CombinedSplits
    duplicates: Duplicates
    outliers: tuple[Outlier, ...]
    labels: LabelAudit | None
    metrics: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def leaked_test_images(self) -> BoolArray:
        """(N_test,) bool: the test images that repeat a training image exactly or nearly."""
        groups = self.duplicates.groups_at(self.duplicates.min_correlation)
        return leaked_test_images(groups, len(self.combined), self.combined.n_train)

    def to_json(self) -> dict[str, Any]:
        """The metrics, then every finding."""
        return {**self.metrics, "findings": [finding.to_json() for finding in self.findings]}


def dataset_duplicates(dataset: Dataset, progress: Progress = no_progress) -> Duplicates:
    """Duplicates within and across the splits; indices count the training images first.

    Where images are files, the files are read again: copies of a photo are recognized by the whole photo, not by the
    crop that a model sees.

    Raises:
        DataError: no image has contrast, or nearly all are the same.
        ImageError: a file that was read before cannot be read again.
    """
    combined = CombinedSplits.from_dataset(dataset)
    if not combined.files:
        progress(TASK, 0, STEPS, "duplicates")
        return find_duplicates(combined.images)
    fingerprints = compute_fingerprints(combined.files, progress)
    progress(TASK, 0, STEPS, "duplicates")
    return find_duplicates(fingerprints.thumbnails, fingerprints.digests, NEAR_PHOTO_CORRELATION)


def audit_dataset(
    dataset: Dataset,
    duplicates: Duplicates | None = None,
    *,
    labels: LabelAudit | None = None,
    reference_model: Classifier | None = None,
    progress: Progress = no_progress,
) -> AuditResult:
    """Searches both splits for outliers, and puts all findings together.

    Args:
        dataset: what to audit.
        duplicates: from :func:`dataset_duplicates`; None searches for them first.
        labels: the audit of its labels, if one was made.
        reference_model: of the same classes; its test accuracy is stated with and without the test images that repeat
            a training image.
        progress: called before and after the search.
    """
    combined = CombinedSplits.from_dataset(dataset)
    duplicates = duplicates or dataset_duplicates(dataset, progress)
    progress(TASK, 1, STEPS, "outliers")
    found = outliers(combined.images, combined.labels)
    metrics = {
        "data": dataset.name,
        "n": {"train": len(dataset.train), "test": len(dataset.test)},
        "duplicates": _duplicate_counts(combined, duplicates),
        "labels": labels and labels.to_json(dataset.classes),
        "outliers": _count_by_reason(found),
        "unreadable": len(dataset.failures),
        "reference_model": reference_model and _accuracy_without_leakage(reference_model, dataset, duplicates),
    }
    findings = [*unreadable_rows(dataset.failures), *duplicate_rows(combined, duplicates)]
    if labels:
        findings += label_rows(combined, 0, labels.train.issues)
        findings += label_rows(combined, combined.n_train, labels.test.issues)
    progress(TASK, STEPS, STEPS)
    return AuditResult(combined, duplicates, found, labels, metrics, (*findings, *outlier_rows(combined, found)))


def _duplicate_counts(combined: CombinedSplits, duplicates: Duplicates) -> dict[str, Any]:
    near = count_near_duplicates(duplicates.near, duplicates.near_pairs, combined.labels, combined.n_train)
    groups = duplicates.groups_at(duplicates.min_correlation)
    return {
        "exact": count_exact_duplicates(duplicates.exact, combined.labels, combined.n_train).to_json(),
        "near": {"correlation": duplicates.min_correlation, **near.to_json()},
        "pairs_by_correlation": {str(least): len(duplicates.pairs.above(least)) for least in CORRELATION_GRID},
        "leaked_test_images": int(leaked_test_images(groups, len(combined), combined.n_train).sum()),
    }


def _count_by_reason(found: Sequence[Outlier]) -> dict[str, int]:
    reasons = [outlier.reason for outlier in found]
    return {"n": len(reasons), **{name: reasons.count(name) for name in OUTLIER_REASONS}}


def _accuracy_without_leakage(reference_model: Classifier, dataset: Dataset, duplicates: Duplicates) -> dict[str, Any]:
    """Accuracy on the whole test split, and on the test images that repeat no training image."""
    correct = reference_model.run(dataset.test.images).logits.argmax(axis=1) == dataset.test.labels
    n_train, n = len(dataset.train), len(dataset.train) + len(dataset.test)
    new = {least: ~leaked_test_images(duplicates.groups_at(least), n, n_train) for least in CORRELATION_GRID}
    return {
        "name": reference_model.name,
        "test": _accuracy(correct),
        "test_without_leakage": {str(least): _accuracy(correct[mask]) for least, mask in new.items()},
    }


def _accuracy(correct: BoolArray) -> dict[str, Any]:
    """Accuracy with its n and standard error; null where no image is left."""
    if not len(correct):
        return {"n": 0, "accuracy": None, "standard_error": None}
    accuracy = float(correct.mean())
    return {"n": len(correct), "accuracy": accuracy, "standard_error": standard_error(accuracy, len(correct))}
