"""Out-of-fold predictions to a card: temperature, thresholds and guarantee as their own modules compute them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from clothier.bundle import BundleMetadata
from clothier.metrics import softmax
from clothier.selective.calibrate_card import DEFAULT_FITTED_ON, calibrate_card
from clothier.selective.risk_control import find_threshold
from clothier.selective.temperature import fit_temperature
from clothier.selective.thresholds import Thresholds

CLASSES = ("shoes", "hat", "boot")
CARD = BundleMetadata(
    name="photo", model="photo", preset="fast", classes=CLASSES, parameters=1, data={}, clothier_version="0.1.0"
)
N = 900
GROUPS = np.arange(N) // 9


def make_logits(seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, N)
    logits = generator.normal(0, 1, (N, 3))
    logits[np.arange(N), labels] += 3
    return 2 * logits, labels


def test_card_holds_temperature_thresholds_and_guarantee() -> None:
    logits, labels = make_logits()
    ood_scores = np.random.default_rng(1).normal(size=N)
    card, thresholds, confidence, correct, selective = calibrate_card(CARD, logits, labels, GROUPS, ood_scores)
    temperature = fit_temperature(logits, labels)
    assert card.calibration == {"temperature": temperature, "fitted_on": DEFAULT_FITTED_ON, "n": N}
    assert Thresholds.from_json(card.thresholds) == thresholds
    assert thresholds.max_ood is not None
    assert (ood_scores <= thresholds.max_ood).mean() == pytest.approx(0.95, abs=0.002)
    assert np.array_equal(correct, logits.argmax(axis=1) == labels)
    probabilities = softmax(logits / temperature)
    assert np.array_equal(confidence, np.where(ood_scores <= thresholds.max_ood, probabilities.max(axis=1), -np.inf))
    assert thresholds.min_probability == find_threshold(confidence, correct, GROUPS)
    assert thresholds.guarantee is not None
    assert thresholds.guarantee.coverage == selective["coverage"] == (confidence >= thresholds.min_probability).mean()
    assert not thresholds.user_calibrated
    assert (thresholds.guarantee.grouped_by, thresholds.guarantee.n_groups) == ("photographer", 100)


def test_ood_photos_are_not_fitted() -> None:
    logits, labels = make_logits()
    all_logits, all_labels = np.concatenate([logits, np.zeros((200, 3))]), np.concatenate([labels, np.full(200, -1)])
    groups = np.concatenate([GROUPS, GROUPS[:200]])
    both = calibrate_card(CARD, all_logits, all_labels, groups, np.arange(N + 200.0))
    alone = calibrate_card(CARD, logits, labels, GROUPS, np.arange(float(N)))
    assert both.card.calibration == alone.card.calibration
    guarantee = both.thresholds.guarantee
    assert guarantee is not None
    assert (guarantee.n_ood, guarantee.open_risk) == (200, both.selective["selective_risk_open"])
    no_ood = replace(guarantee, n_ood=0, n_ood_accepted=0, open_risk=None)
    assert replace(both.thresholds, guarantee=no_ood) == alone.thresholds
    assert both.confidence.shape == (N + 200,)
    assert not both.correct[N:].any()


def test_without_ood_scores_nothing_is_rejected() -> None:
    assert calibrate_card(CARD, *make_logits(), GROUPS).thresholds.max_ood is None


def test_stricter_guarantee_accepts_less() -> None:
    logits, labels = make_logits()
    guarantees = [
        calibrate_card(CARD, logits, labels, GROUPS, risk=risk, confidence_level=confidence).thresholds.guarantee
        for risk, confidence in ((0.05, 0.8), (0.05, 0.95), (0.03, 0.95))
    ]
    coverage = [guarantee.coverage for guarantee in guarantees if guarantee]
    assert coverage == sorted(coverage, reverse=True)
    assert coverage[0] > coverage[2] > 0


def test_labels_with_a_parent_class() -> None:
    """Where the label says shoes, the tags boot and shoes are both correct."""
    logits, labels = make_logits()
    parents = np.where(labels == 2, 0, labels)
    exact = calibrate_card(CARD, logits, labels, GROUPS)
    broad = calibrate_card(CARD, logits, parents, GROUPS, classes=("shoes", "hat"))
    assert exact.thresholds.guarantee is not None
    assert broad.thresholds.guarantee is not None
    assert exact.thresholds.guarantee.counted_as == {}
    assert set(broad.thresholds.guarantee.counted_as.values()) == {"shoes"}
    assert exact.correct.sum() < broad.correct.sum()
    guarantee, broad_guarantee = exact.thresholds.guarantee, broad.thresholds.guarantee
    assert guarantee is not None
    assert broad_guarantee is not None
    assert broad_guarantee.coverage > guarantee.coverage
    assert {one.name for one in broad_guarantee.per_class} == set(CLASSES), "tags are the model's classes"


def test_a_tag_is_wrong_where_only_the_sum_of_other_subclasses_is_right() -> None:
    """A photo of shoes is tagged hat, with 0.4, while its two subclasses of shoes have 0.3 each."""
    card = replace(CARD, classes=("sandal", "hat", "boot"))
    labels = np.arange(N) % 2  # shoes and hat in turn
    probabilities = np.where(labels[:, None] == 1, (0.05, 0.9, 0.05), (0.3, 0.4, 0.3))
    found = calibrate_card(card, np.log(probabilities), labels, GROUPS, classes=("shoes", "hat"))
    assert found.thresholds.guarantee is not None
    assert np.array_equal(found.correct, labels == 1)
    assert found.thresholds.guarantee.coverage == 0.5
    assert found.selective["selective_risk"] == 0


def test_unattainable_guarantee_accepts_nothing() -> None:
    logits, labels = make_logits()
    thresholds = calibrate_card(CARD, logits, np.roll(labels, 1), GROUPS, user_calibrated=True).thresholds
    assert (thresholds.min_probability, thresholds.user_calibrated) == (None, True)
    assert thresholds.guarantee is not None
    guarantee = thresholds.guarantee
    assert (guarantee.empirical_risk, guarantee.coverage, guarantee.per_class) == (None, 0, ())
