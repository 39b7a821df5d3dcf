"""The audit of the real Fashion-MNIST: how often the release repeats itself, and how that changes an accuracy."""

from __future__ import annotations

import pytest

from clothier import bundle
from clothier.data.sources import load_fashion_mnist
from clothier.exploration.audit.dataset_audit import AuditResult, audit_dataset, dataset_duplicates
from clothier.inference.session import OnnxClassifier
from clothier.report.explore_sections import audit_section

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> AuditResult:
    dataset = load_fashion_mnist()
    model = OnnxClassifier(bundle.resolve("fashion-cnn"))
    return audit_dataset(dataset, dataset_duplicates(dataset), reference_model=model)


def test_the_current_release_has_no_copies_and_few_near_duplicates(found: AuditResult) -> None:
    counts = found.metrics["duplicates"]
    assert set(counts["exact"].values()) == {0}
    assert counts["near"] == {
        "correlation": 0.999,
        "pairs": 42,
        "groups": 25,
        "images": 58,
        "within_train": 30,
        "within_test": 2,
        "across_splits": 10,
        "conflicting_groups": 0,
    }
    assert counts["leaked_test_images"] == 7


def test_leaked_images_do_not_raise_the_accuracy(found: AuditResult) -> None:
    metrics = found.metrics["reference_model"]
    everything, new = metrics["test"], metrics["test_without_leakage"]["0.999"]
    assert (everything["n"], new["n"]) == (10_000, 9_993)
    assert abs(everything["accuracy"] - new["accuracy"]) < everything["standard_error"] / 10


def test_findings_are_listed_and_drawn(found: AuditResult) -> None:
    assert set(audit_section(found).figures) == {"audit-near-duplicates", "audit-outliers"}
    kinds = [finding.kind for finding in found.findings]
    assert (kinds.count("near-duplicate"), kinds.count("outlier")) == (42, found.metrics["outliers"]["n"])
    assert 0 < found.metrics["outliers"]["n"] < 700
