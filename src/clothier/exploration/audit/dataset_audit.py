"""The audit of a dataset: what is wrong with its images and labels, and how that changes a model's accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.data.combined_splits import CombinedSplits
from clothier.data.fingerprints import compute_fingerprints
from clothier.exploration.audit.duplicates import CORRELATION_GRID, find_duplicates, find_photo_duplicates
from clothier.exploration.audit.findings import Finding, duplicate_rows, label_rows, outlier_rows, unreadable_rows
from clothier.exploration.audit.outliers import OUTLIER_REASONS, outliers
from clothier.exploration.audit.split_overlap import count_duplicates, leaked_test_images
from clothier.metrics import standard_error
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.exploration.audit.outliers import Outlier
    from clothier.types import BoolArray, Classifier, Floats, Progress


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
    return find_photo_duplicates(fingerprints)


def audit_dataset(
    dataset: Dataset,
    duplicates: Duplicates | None = None,
    *,
    labels: LabelAudit | None = None,
    reference_model: Classifier | None = None,
    test_logits: Floats | None = None,
    progress: Progress = no_progress,
) -> AuditResult:
    """Searches both splits for outliers, and puts all findings together.

    Args:
        dataset: what to audit.
        duplicates: from :func:`dataset_duplicates`; None searches for them first.
        labels: the audit of its labels, if one was made.
        reference_model: of the same classes; its test accuracy is stated with and without the test images that repeat
            a training image.
        test_logits: (N_test, K) of the reference model, if they are known already.
        progress: called before and after the search.
    """
    combined = CombinedSplits.from_dataset(dataset)
    duplicates = duplicates or dataset_duplicates(dataset, progress)
    progress(TASK, 1, STEPS, "outliers")
    found = outliers(combined.images, combined.labels)
    accuracies = None
    if reference_model:
        logits = reference_model.run(dataset.test.images).logits if test_logits is None else test_logits
        correct = logits.argmax(axis=1) == dataset.test.labels
        accuracies = _accuracy_without_leakage(reference_model.name, correct, duplicates, combined.n_train)
    metrics = {
        "data": dataset.name,
        "n": {"train": len(dataset.train), "test": len(dataset.test)},
        "duplicates": _duplicate_counts(combined, duplicates),
        "labels": labels and labels.to_json(dataset.classes),
        "outliers": _count_by_reason(found),
        "unreadable": len(dataset.failures),
        "reference_model": accuracies,
    }
    findings = [*unreadable_rows(dataset.failures), *duplicate_rows(combined, duplicates)]
    if labels:
        findings += label_rows(combined, 0, labels.train)
        findings += label_rows(combined, combined.n_train, labels.test)
    progress(TASK, STEPS, STEPS)
    return AuditResult(combined, duplicates, found, labels, metrics, (*findings, *outlier_rows(combined, found)))


def _duplicate_counts(combined: CombinedSplits, duplicates: Duplicates) -> dict[str, Any]:
    labels, n_train, least = combined.labels, combined.n_train, duplicates.min_correlation
    leaked = leaked_test_images(duplicates.groups_at(least), len(combined), n_train)
    near = count_duplicates(duplicates.near, labels, n_train, duplicates.near_pairs)
    return {
        "exact": count_duplicates(duplicates.exact, labels, n_train),
        "near": {"correlation": least, **near},
        "pairs_by_correlation": {str(value): len(duplicates.pairs.above(value)) for value in CORRELATION_GRID},
        "leaked_test_images": int(leaked.sum()),
    }


def _count_by_reason(found: Sequence[Outlier]) -> dict[str, int]:
    reasons = [outlier.reason for outlier in found]
    return {"n": len(reasons), **{name: reasons.count(name) for name in OUTLIER_REASONS}}


def _accuracy_without_leakage(name: str, correct: BoolArray, duplicates: Duplicates, n_train: int) -> dict[str, Any]:
    """Accuracy on the whole test split, and on the test images that repeat no training image."""
    new = {
        least: ~leaked_test_images(duplicates.groups_at(least), n_train + len(correct), n_train)
        for least in CORRELATION_GRID
    }
    return {
        "name": name,
        "test": _accuracy(correct),
        "test_without_leakage": {str(least): _accuracy(correct[mask]) for least, mask in new.items()},
    }


def _accuracy(correct: BoolArray) -> dict[str, Any]:
    """Accuracy with its n and standard error; null where no image is left."""
    n, accuracy = len(correct), float(correct.mean()) if len(correct) else None
    error = None if accuracy is None else standard_error(accuracy, n)
    return {"n": n, "accuracy": accuracy, "standard_error": error}
