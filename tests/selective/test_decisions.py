"""Verdicts, their sentences, and the figures of a model that abstains."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from clothier.errors import ModelError
from clothier.selective.decisions import decide, is_accepted, risk_coverage, selective_metrics
from clothier.selective.thresholds import ClassRiskBound, RiskGuarantee, Thresholds

CLASSES = ("dress", "hat", "boot")
GUARANTEE = RiskGuarantee(
    risk=0.05,
    confidence_level=0.95,
    bound=0.048,
    empirical_risk=0.031,
    coverage=0.7,
    n=1000,
    n_accepted=700,
    n_groups=90,
    grouped_by="photographer",
    method="a method",
    per_class=(ClassRiskBound(name="hat", n_accepted=80, n_errors=0, bound=0.04, holds=True),),
)
THRESHOLDS = Thresholds(min_probability=0.8, max_ood=2.5, guarantee=GUARANTEE)
PROBABILITIES = np.array([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.97, 0.02, 0.01], [0.1, 0.8, 0.1]])
GUARANTEE_TEXT = "at most 5 % of the accepted tags are wrong, with 95 % confidence"
OOD_REASON = (
    "its novelty of 2.61 is above 2.5, which 95 % of the known garments keep: it looks like none of the 3 classes"
)
NOT_CALIBRATED = "unproven for this catalogue until clothier calibrate has seen photos of it"


def test_each_decision_and_its_reason() -> None:
    verdicts = decide(PROBABILITIES, [0.1, 0.1, 2.61, 2.5], THRESHOLDS, CLASSES)
    assert [one.decision for one in verdicts] == ["accept", "review", "reject", "accept"]
    assert [one.reason for one in verdicts[:3]] == [
        f"90 % reaches the 80 % from where {GUARANTEE_TEXT}; {NOT_CALIBRATED}",
        f"50 % does not reach the 80 % from where {GUARANTEE_TEXT}; {NOT_CALIBRATED}",
        f"{OOD_REASON}; the limit is {NOT_CALIBRATED}",
    ]


def test_the_reason_names_user_calibration() -> None:
    verdicts = decide(PROBABILITIES, [0.1, 0.1, 9, 0], replace(THRESHOLDS, user_calibrated=True), CLASSES)
    assert verdicts[0].reason.endswith(f"{GUARANTEE_TEXT}; proven on your own photos")
    assert verdicts[2].reason.endswith("it looks like none of the 3 classes")


def test_without_a_valid_threshold_all_is_reviewed() -> None:
    (first, *_) = decide(PROBABILITIES, None, replace(THRESHOLDS, min_probability=None), CLASSES)
    assert (first.decision, first.reason) == (
        "review",
        f"no probability proves that {GUARANTEE_TEXT}, so every tag goes to a person",
    )
    (first, *_) = decide(PROBABILITIES, None, Thresholds(min_probability=None), CLASSES)
    assert first.reason == "the model has no threshold for accepting, so every tag goes to a person"
    (first, *_) = decide(PROBABILITIES, None, Thresholds(min_probability=0.5), CLASSES)
    assert first.reason == "90 % reaches the 50 % from where tags are accepted without a promise"


def test_a_nan_ood_score_is_rejected() -> None:
    assert decide(PROBABILITIES[:1], [np.nan], THRESHOLDS, CLASSES)[0].decision == "reject"
    assert not is_accepted(PROBABILITIES[:1], [np.nan], THRESHOLDS)[0]


def test_accepted_is_where_it_decides_so() -> None:
    generator = np.random.default_rng(0)
    shares, strange = generator.dirichlet([0.3] * 3, 500), generator.normal(1, 1.5, 500)
    for thresholds in (THRESHOLDS, replace(THRESHOLDS, min_probability=None), replace(THRESHOLDS, max_ood=None)):
        said = [one.decision == "accept" for one in decide(shares, strange, thresholds, CLASSES)]
        np.testing.assert_array_equal(is_accepted(shares, strange, thresholds), said)
    assert decide(np.empty((0, 3)), None, THRESHOLDS, CLASSES) == []


@pytest.mark.parametrize(
    "thresholds", [THRESHOLDS, Thresholds(min_probability=None), Thresholds(min_probability=0.5, user_calibrated=True)]
)
def test_json_round_trip(thresholds: Thresholds) -> None:
    assert Thresholds.from_json(json.loads(json.dumps(thresholds.to_json()))) == thresholds


def test_missing_and_damaged_thresholds() -> None:
    assert Thresholds.from_json({}) is None
    for damaged in (
        {"sure": 1},
        {"min_probability": 0.5, "guarantee": {"risk": 0.05}},
        {"min_probability": 0.5, "guarantee": "5 %"},
    ):
        with pytest.raises(ModelError, match=r"the card's thresholds are damaged: .*\. Calibrate the model again"):
            Thresholds.from_json(damaged)


def test_the_curve_against_counting() -> None:
    confidence, right = [0.9, 0.5, 0.9, 0.7, 0.6], [True, False, False, True, True]
    curve = risk_coverage(confidence, right)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.6, 0.5]
    assert curve.coverage.tolist() == [0.4, 0.6, 0.8, 1.0]
    np.testing.assert_allclose(curve.risk, [1 / 2, 1 / 3, 1 / 4, 2 / 5])
    assert curve.aurc == pytest.approx(0.4 * 1 / 2 + 0.2 * (1 / 3 + 1 / 4 + 2 / 5))


def test_the_area_is_the_mean_risk_over_all_coverages() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.permutation(200) / 200
    right = generator.random(200) < confidence
    by_rank = [1 - right[confidence >= threshold].mean() for threshold in confidence]
    assert risk_coverage(confidence, right).aurc == pytest.approx(np.mean(by_rank))


def test_only_selective_risk_open_counts_ood_images_as_wrong() -> None:
    labels = np.array([0, 0, -1, 2])
    held = selective_metrics(PROBABILITIES, [0.1, 0.2, 1.0, 0.3], labels, THRESHOLDS)
    assert held["coverage"] == pytest.approx(2 / 3)
    assert held["selective_risk"] == pytest.approx(1 / 2)
    assert held["selective_risk_open"] == pytest.approx(2 / 3)
    assert held["novelty_auroc"] == 1.0
    assert held["guarantee"] == {**GUARANTEE.to_json(), "user_calibrated": False}
    told = selective_metrics(PROBABILITIES, None, labels, THRESHOLDS, correct=[True, True, True, True])
    assert (told["selective_risk"], told["novelty_auroc"]) == (0, None)
    assert told["selective_risk_open"] == pytest.approx(1 / 3), "a stranger is never right"


def test_selective_metrics_without_accepted_tags() -> None:
    held = selective_metrics(PROBABILITIES, None, np.zeros(4, np.int64), Thresholds(min_probability=None))
    assert held == {
        "coverage": 0,
        "selective_risk": None,
        "selective_risk_open": None,
        "guarantee": None,
        "novelty_auroc": None,
    }
