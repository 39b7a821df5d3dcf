"""The fitted temperature recovers a known one and changes no prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier import metrics
from clothier.selective.temperature import calibration_metadata, cross_fit, fit_temperature

if TYPE_CHECKING:
    from clothier.types import Float64Array, Labels

IMAGES, CLASSES = 40_000, 5


def sample_logits(temperature: float) -> tuple[Float64Array, Labels]:
    """Logits that are ``temperature`` times too large, and labels drawn from the true probabilities."""
    generator = np.random.default_rng(0)
    true_logits = generator.normal(0, 2, (IMAGES, CLASSES))
    cumulative = metrics.softmax(true_logits).cumsum(axis=1)
    labels = (generator.random((IMAGES, 1)) > cumulative).sum(axis=1)
    return true_logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    logits, labels = sample_logits(temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.02)
    before, after = (metrics.evaluate_logits(one, labels, "abcde") for one in (logits, logits / found))
    assert after.ece < 0.006
    assert after.nll <= before.nll
    assert after.accuracy == before.accuracy


def test_it_has_the_highest_likelihood() -> None:
    logits, labels = sample_logits(2.0)
    found = fit_temperature(logits, labels)
    nll = [metrics.evaluate_logits(logits / (found * factor), labels, "abcde").nll for factor in (0.98, 1.0, 1.02)]
    assert nll[1] == min(nll)


def test_perfect_predictions_keep_it_bounded() -> None:
    correct, wrong = np.array([0, 1]), np.array([1, 0])
    assert 0.1 <= fit_temperature(np.eye(2) * 5, correct) < 0.3
    assert fit_temperature(np.eye(2) * 5, wrong) == pytest.approx(10, rel=1e-3)


def test_calibration_metadata_says_what_it_was_fitted_on() -> None:
    logits, labels = sample_logits(3.0)
    found = calibration_metadata(logits, labels)
    assert found == {"temperature": fit_temperature(logits, labels), "fitted_on": "validation", "n": IMAGES}


def test_labels_of_parent_classes() -> None:
    """A known temperature is recovered from labels in which two of five classes are one."""
    logits, labels = sample_logits(2.0)
    aggregation = np.eye(5)[:, :4]
    aggregation[4, 3] = 1  # the last two are one class
    assert fit_temperature(logits, np.minimum(labels, 3), aggregation) == pytest.approx(2.0, rel=0.02)
    assert fit_temperature(logits, labels, np.eye(5)) == fit_temperature(logits, labels)


def test_held_out_logits_are_calibrated_on_the_others() -> None:
    logits, labels = sample_logits(3.0)
    even, odd = np.arange(0, IMAGES, 2), np.arange(1, IMAGES - 1, 2)
    calibrated = cross_fit(logits, labels, [(even, odd), (odd, even)])
    assert metrics.evaluate_logits(calibrated, labels, "abcde").ece < 0.008
    np.testing.assert_array_equal(calibrated.argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_array_equal(calibrated[odd], logits[odd] / fit_temperature(logits[even], labels[even]))
    np.testing.assert_array_equal(calibrated[-1], logits[-1])  # never held out
