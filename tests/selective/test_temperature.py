"""The temperature: found again where it is known, and no answer changed by it."""

from __future__ import annotations

import numpy as np
import pytest

from clothier import metrics
from clothier.selective.temperature import calibration_metadata, cross_fit, fit_temperature

IMAGES, CLASSES = 40_000, 5


def sample_logits(temperature: float) -> tuple[metrics.Doubles, metrics.Labels]:
    """Logits that are ``temperature`` times too large, and labels drawn by the true probabilities."""
    generator = np.random.default_rng(0)
    honest = generator.normal(0, 2, (IMAGES, CLASSES))
    shares = metrics.softmax(honest).cumsum(axis=1)
    labels = (generator.random((IMAGES, 1)) > shares).sum(axis=1)
    return honest * temperature, labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    logits, labels = sample_logits(temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.02)
    before, after = (metrics.evaluate_logits(one, labels, "abcde") for one in (logits, logits / found))
    assert after.ece < 0.006
    assert after.nll <= before.nll
    assert after.accuracy == before.accuracy


def test_it_is_the_most_likely_one() -> None:
    logits, labels = sample_logits(2.0)
    found = fit_temperature(logits, labels)
    nll = [metrics.evaluate_logits(logits / (found * factor), labels, "abcde").nll for factor in (0.98, 1.0, 1.02)]
    assert nll[1] == min(nll)


def test_perfect_predictions_keep_it_bounded() -> None:
    right, wrong = np.array([0, 1]), np.array([1, 0])
    assert 0.1 <= fit_temperature(np.eye(2) * 5, right) < 0.3
    assert fit_temperature(np.eye(2) * 5, wrong) == pytest.approx(10, rel=1e-3)


def test_calibration_metadata_says_what_it_was_fitted_on() -> None:
    logits, labels = sample_logits(3.0)
    told = calibration_metadata(logits, labels)
    assert told == {"temperature": fit_temperature(logits, labels), "fitted_on": "validation", "n": IMAGES}


def test_labels_of_parent_classes() -> None:
    """Labels that know two of five classes as one ask for the temperature that was put in, too."""
    logits, labels = sample_logits(2.0)
    terms = np.eye(5)[:, :4]
    terms[4, 3] = 1  # the last two are one
    assert fit_temperature(logits, np.minimum(labels, 3), terms) == pytest.approx(2.0, rel=0.02)
    assert fit_temperature(logits, labels, np.eye(5)) == fit_temperature(logits, labels)


def test_cross_fit_logits_are_calibrated_and_predict_the_same() -> None:
    logits, labels = sample_logits(3.0)
    groups = np.arange(IMAGES) // 7
    divided = cross_fit(logits, labels, groups)
    assert metrics.evaluate_logits(divided, labels, "abcde").ece < 0.008
    np.testing.assert_array_equal(divided.argmax(axis=1), logits.argmax(axis=1))
    used = np.round(logits[:, 0] / divided[:, 0], 9)
    assert len(np.unique(used)) == 5
    assert all(len(np.unique(used[groups == group])) == 1 for group in range(40)), "a group is held out as a whole"
    whole = cross_fit(logits[:50], labels[:50], np.zeros(50, np.int64))
    np.testing.assert_allclose(whole, logits[:50] / fit_temperature(logits[:50], labels[:50]))
