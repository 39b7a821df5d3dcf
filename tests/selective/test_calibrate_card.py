"""From out-of-fold answers to a card: each part as the analysis finds it, and photos outside the classes left out."""

from __future__ import annotations

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


def thresholds_of(card: BundleMetadata) -> Thresholds:
    found = Thresholds.from_json(card.thresholds)
    assert found is not None
    return found


def test_card_holds_temperature_thresholds_and_guarantee() -> None:
    logits, labels = make_logits()
    strange = np.random.default_rng(1).normal(size=N)
    card = calibrate_card(CARD, logits, labels, GROUPS, strange)
    found = thresholds_of(card)
    temperature = fit_temperature(logits, labels)
    assert card.calibration == {"temperature": temperature, "fitted_on": DEFAULT_FITTED_ON, "n": N}
    assert found.max_ood is not None
    assert (strange <= found.max_ood).mean() == pytest.approx(0.95, abs=0.002)
    shares = softmax(logits / temperature)
    tops = np.where(strange <= found.max_ood, shares.max(axis=1), -np.inf)
    assert found.min_probability == find_threshold(tops, shares.argmax(axis=1) == labels, GROUPS)
    assert found.guarantee is not None
    assert found.guarantee.coverage == (tops >= found.min_probability).mean()
    assert (found.user_calibrated, found.guarantee.grouped_by, found.guarantee.n_groups) == (False, "photographer", 100)


def test_ood_photos_are_ignored() -> None:
    logits, labels = make_logits()
    strangers = np.full(200, -1)
    more = np.concatenate([logits, np.zeros((200, 3))]), np.concatenate([labels, strangers])
    together = calibrate_card(CARD, *more, np.concatenate([GROUPS, GROUPS[:200]]), np.arange(N + 200.0))
    assert together == calibrate_card(CARD, logits, labels, GROUPS, np.arange(float(N)))


def test_without_ood_scores_nothing_is_rejected() -> None:
    assert thresholds_of(calibrate_card(CARD, *make_logits(), GROUPS)).max_ood is None


def test_stricter_guarantee_accepts_less() -> None:
    logits, labels = make_logits()
    accepted = [
        thresholds_of(calibrate_card(CARD, logits, labels, GROUPS, risk=risk, confidence_level=confidence)).guarantee
        for risk, confidence in ((0.05, 0.8), (0.05, 0.95), (0.03, 0.95))
    ]
    coverage = [one.coverage for one in accepted if one]
    assert coverage == sorted(coverage, reverse=True)
    assert coverage[0] > coverage[2] > 0


def test_labels_with_a_parent_class() -> None:
    """A boot that is called a boot is right where the label says shoes, and so is one called shoes."""
    logits, labels = make_logits()
    broad = np.where(labels == 2, 0, labels)
    card = calibrate_card(CARD, logits, broad, GROUPS, classes=("shoes", "hat"))
    strict, broader = (
        thresholds_of(calibrate_card(CARD, logits, labels, GROUPS)).guarantee,
        thresholds_of(card).guarantee,
    )
    assert strict is not None
    assert broader is not None
    assert broader.coverage > strict.coverage
    assert {one.name for one in broader.per_class} == set(CLASSES), "tags stay the model's own words"


def test_unattainable_guarantee_accepts_nothing() -> None:
    logits, labels = make_logits()
    found = thresholds_of(calibrate_card(CARD, logits, np.roll(labels, 1), GROUPS, user_calibrated=True))
    assert (found.min_probability, found.user_calibrated) == (None, True)
    assert found.guarantee is not None
    assert (found.guarantee.bound, found.guarantee.coverage, found.guarantee.per_class) == (None, 0, ())
