"""The audit of the real Fashion-MNIST: how often today's release repeats itself, and what that does to a model."""

from __future__ import annotations

import pytest

from clothier import bundle
from clothier.data.sources import load_fashion_mnist
from clothier.exploration.audit.dataset_audit import AuditResult, audit_dataset
from clothier.inference.session import OnnxClassifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> AuditResult:
    return audit_dataset(load_fashion_mnist(), reference_model=OnnxClassifier(bundle.resolve("fashion-cnn")))


def test_todays_release_has_no_copies_and_few_near_duplicates(found: AuditResult) -> None:
    counts = found.to_json()["duplicates"]
    assert set(counts["exact"].values()) == {0}
    assert counts["near"] == {
        "correlation": 0.999,
        "pairs": 42,
        "groups": 25,
        "pictures": 58,
        "within_train": 30,
        "within_test": 2,
        "across": 10,
        "groups_with_two_labels": 0,
    }
    assert counts["test_repeated_in_train"] == 7


def test_repeated_pictures_do_not_carry_the_accuracy(found: AuditResult) -> None:
    held = found.counts["classifier"]
    whole, new = held["test"], held["test_without_repeated"]["0.999"]
    assert (whole["n"], new["n"]) == (10_000, 9_993)
    assert abs(whole["accuracy"] - new["accuracy"]) < whole["standard_error"] / 10


def test_what_stands_out_is_listed_and_drawn(found: AuditResult) -> None:
    assert set(found.figures) == {"audit-near-duplicates", "audit-outliers"}
    kinds = [finding.kind for finding in found.findings]
    assert (kinds.count("near-duplicate"), kinds.count("outlier")) == (42, found.counts["outliers"]["n"])
    assert 0 < found.counts["outliers"]["n"] < 700
