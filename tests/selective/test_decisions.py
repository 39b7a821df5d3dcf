"""Decisions, their reasons, and the metrics of a model that may abstain."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from clothier.errors import ModelError, UsageError
from clothier.selective.decisions import (
    DecisionResult,
    decide,
    describe_class_limits,
    describe_limits,
    hold_to_limit,
    is_accepted,
    risk_coverage,
    selective_metrics,
    too_few_to_tell,
)
from clothier.selective.thresholds import AcceptedClass, RiskGuarantee, Thresholds

CLASSES = ("dress", "hat", "boot")
GUARANTEE = RiskGuarantee(
    risk=0.05,
    confidence_level=0.95,
    empirical_risk=0.031,
    coverage=0.7,
    n=1000,
    n_accepted=700,
    n_groups=90,
    grouped_by="photographer",
    method="a method",
    per_class=(AcceptedClass(name="hat", n_accepted=80, n_errors=0),),
)
THRESHOLDS = Thresholds(min_probability=0.8, max_ood=2.5, guarantee=GUARANTEE)
PROBABILITIES = np.array([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2], [0.97, 0.02, 0.01], [0.1, 0.8, 0.1]])


def test_each_decision_and_its_reason() -> None:
    results = decide(PROBABILITIES, [0.1, 0.1, 2.61, 2.5], THRESHOLDS, CLASSES)
    assert [one.decision for one in results] == ["accept", "review", "reject", "accept"]
    reasons = [one.reason for one in results[:3]]
    assert reasons == [
        "Accepted: 90 % >= threshold 80 %.",
        "Review: 50 % < threshold 80 %.",
        "Rejected: OOD score 2.61 > 2.5: unlike the training photos.",
    ]


def test_a_value_and_its_limit_never_look_equal() -> None:
    thresholds = replace(THRESHOLDS, min_probability=0.77, max_ood=3.3)
    review, reject = decide([[0.76999, 0.1, 0.1], [0.9, 0, 0]], [0, 3.30001], thresholds, CLASSES)
    assert review.reason == "Review: 76.999 % < threshold 77 %."
    assert reject.reason.startswith("Rejected: OOD score 3.30001 > 3.3:")


def test_the_limits_are_described_with_what_they_come_from() -> None:
    text = describe_limits(THRESHOLDS)
    assert text.startswith(
        "Accepted tags: at most 5 % errors on photos of its classes, 95 % confidence. 95 % of photos"
    )
    assert "`clothier calibrate`" in text
    own = describe_limits(replace(THRESHOLDS, user_calibrated=True))
    assert own.endswith("calibrated on your own photos.")
    assert describe_limits(Thresholds(min_probability=0.5)).startswith("Accepted tags: no risk guarantee. The limits")
    assert describe_limits(Thresholds(min_probability=None)).startswith("Nothing is accepted. The limits")


def test_a_tag_that_is_only_proven_for_its_parent_class_says_so() -> None:
    thresholds = replace(THRESHOLDS, guarantee=replace(GUARANTEE, counted_as={"boot": "shoes"}))
    reasons = [one.reason for one in decide([[0.9, 0.05, 0.05], [0.02, 0.03, 0.95]], None, thresholds, CLASSES)]
    assert "shoes" not in reasons[0]
    assert "threshold 80 %; boot counts as right for any shoes." in reasons[1]


def test_without_a_valid_threshold_all_is_reviewed() -> None:
    (first, *_) = decide(PROBABILITIES, None, replace(THRESHOLDS, min_probability=None), CLASSES)
    assert (first.decision, "at most 5 % errors" in first.reason) == ("review", True)
    (first, *_) = decide(PROBABILITIES, None, Thresholds(min_probability=None), CLASSES)
    assert (first.decision, "%" in first.reason) == ("review", False)


def test_a_threshold_without_a_guarantee() -> None:
    (first, *_) = decide(PROBABILITIES, None, Thresholds(min_probability=0.5), CLASSES)
    assert first.reason == "Accepted: 90 % >= threshold 50 %."


def test_a_nan_ood_score_is_rejected() -> None:
    assert decide(PROBABILITIES[:1], [np.nan], THRESHOLDS, CLASSES)[0].decision == "reject"
    assert not is_accepted(PROBABILITIES[:1], [np.nan], THRESHOLDS)[0]


def test_is_accepted_agrees_with_decide() -> None:
    generator = np.random.default_rng(0)
    probabilities, ood_scores = generator.dirichlet([0.3] * 3, 500), generator.normal(1, 1.5, 500)
    for thresholds in (THRESHOLDS, replace(THRESHOLDS, min_probability=None), replace(THRESHOLDS, max_ood=None)):
        accepted = [one.decision == "accept" for one in decide(probabilities, ood_scores, thresholds, CLASSES)]
        np.testing.assert_array_equal(is_accepted(probabilities, ood_scores, thresholds), accepted)
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
        {"min_probability": "0.5"},
        {"min_probability": [0.5]},
        {"min_probability": {}},
        {"min_probability": 1.5},
        {"min_probability": float("nan")},
        {"min_probability": 0.5, "max_ood": float("inf")},
        {"min_probability": 0.5, "id_recall": -1},
        {"min_probability": 0.5, "user_calibrated": "yes"},
    ):
        with pytest.raises(ModelError, match="the card's thresholds"):
            Thresholds.from_json(damaged)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 1.1])
def test_thresholds_are_finite_fractions(value: float) -> None:
    """With NaN, every comparison is false: nothing would be rejected."""
    for name in ("min_probability", "id_recall"):
        with pytest.raises(UsageError, match=name):
            Thresholds(**{"min_probability": 0.5, name: value})
    if not math.isfinite(value):
        with pytest.raises(UsageError, match="max_ood"):
            Thresholds(min_probability=0.5, max_ood=value)


def test_risk_coverage_by_hand() -> None:
    confidence, correct = [0.9, 0.5, 0.9, 0.7, 0.6], [True, False, False, True, True]
    curve = risk_coverage(confidence, correct)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.6, 0.5]
    assert curve.coverage.tolist() == [0.4, 0.6, 0.8, 1.0]
    np.testing.assert_allclose(curve.risk, [1 / 2, 1 / 3, 1 / 4, 2 / 5])


def test_only_selective_risk_open_counts_ood_images_as_wrong() -> None:
    labels = np.array([0, 0, -1, 2])
    found = selective_metrics(PROBABILITIES, [0.1, 0.2, 1.0, 0.3], labels, THRESHOLDS)
    assert (found["coverage"], found["n_accepted"]) == (pytest.approx(2 / 3), 2)
    assert found["selective_risk"] == pytest.approx(1 / 2)
    assert found["selective_risk_open"] == pytest.approx(2 / 3)
    assert (found["n_ood"], found["n_ood_accepted"]) == (1, 1)
    assert found["novelty_auroc"] == 1.0
    assert found["guarantee"] == {**GUARANTEE.to_json(), "user_calibrated": False}
    found = selective_metrics(PROBABILITIES, None, labels, THRESHOLDS, correct=[True, True, True, True])
    assert (found["selective_risk"], found["novelty_auroc"]) == (0, None)
    assert found["selective_risk_open"] == pytest.approx(1 / 3), "an OOD image is never correct"


def test_how_many_accepted_tags_can_tell() -> None:
    assert [too_few_to_tell(n, 0.05) for n in (0, 3, 58, 59)] == [True, True, True, False]


def test_selective_metrics_without_accepted_tags() -> None:
    found = selective_metrics(PROBABILITIES, None, np.zeros(4, np.int64), Thresholds(min_probability=None))
    assert found == {
        "coverage": 0,
        "n_accepted": 0,
        "selective_risk": None,
        "selective_risk_open": None,
        "n_ood": 0,
        "n_ood_accepted": 0,
        "guarantee": None,
        "novelty_auroc": None,
    }


def test_a_limit_of_a_class_turns_accept_into_review_only() -> None:
    accepted, rejected = DecisionResult("accept", "Accepted."), DecisionResult("reject", "Rejected.")
    limits = {"dress": 0.97, "shirt": None}
    assert hold_to_limit(accepted, "hat", 0.5, limits) is accepted
    assert hold_to_limit(accepted, "dress", 0.97, limits) is accepted
    assert hold_to_limit(rejected, "shirt", 0.99, limits) is rejected
    below = hold_to_limit(accepted, "dress", 0.96996, limits)
    assert below == DecisionResult("review", "Review: 96.996 % < 97 %, the limit of this catalogue for dress.")
    assert hold_to_limit(accepted, "shirt", 1.0, limits).decision == "review"
    assert describe_class_limits({}) == ""
    assert describe_class_limits(limits).startswith("Limits of this catalogue: never shirt; dress from 97 %. The guar")
