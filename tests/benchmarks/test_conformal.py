"""Prediction sets: coverage in every class, and the p-values of crepes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from crepes import ConformalClassifier

from benchmarks.conformal import class_coverage, fit_conformal
from clothier.metrics import softmax

CLASSES = 4
SEPARATION = np.array([3.0, 2.0, 1.0, 0.5])  # how far a class stands out


def sample_probabilities(n: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, n, p=[0.55, 0.3, 0.1, 0.05])
    logits = generator.normal(0, 1, (n, CLASSES))
    logits[np.arange(n), labels] += SEPARATION[labels]
    return softmax(logits), labels


@pytest.mark.parametrize("risk", [0.05, 0.2])
def test_every_class_is_covered(risk: float) -> None:
    calibrated = fit_conformal(*sample_probabilities(4_000, 0))
    shares, labels = sample_probabilities(20_000, 1)
    coverage = class_coverage(calibrated.prediction_sets(shares, risk), labels)
    spread = np.sqrt(risk * (1 - risk) * (1 / np.bincount(labels) + 1 / np.bincount(sample_probabilities(4_000, 0)[1])))
    assert (np.abs(coverage - (1 - risk)) < 3 * spread).all()
    plain = 1 - shares[np.arange(len(labels)), labels] <= np.quantile(
        1 - sample_probabilities(4_000, 0)[0][np.arange(4_000), sample_probabilities(4_000, 0)[1]], 1 - risk
    )
    assert plain[labels == 3].mean() < 1 - risk - 0.1, "without classes, the rare and hard one is not covered"


def test_p_values_equal_crepes() -> None:
    known, truth = sample_probabilities(300, 2)
    shares, _ = sample_probabilities(50, 3)
    theirs = ConformalClassifier().fit(1 - known[np.arange(300), truth], bins=truth)
    columns = [
        theirs.predict_p(1 - shares[:, [place]], bins=np.full(50, place), smoothing=False) for place in range(CLASSES)
    ]
    np.testing.assert_allclose(fit_conformal(known, truth).p_values(shares), np.hstack(columns), atol=1e-12)


def test_class_with_few_calibration_photos_is_in_every_set() -> None:
    known, truth = sample_probabilities(300, 2)
    few = np.where(truth == 3, -1, truth)
    few[np.flatnonzero(truth == 3)[:5]] = 3
    calibrated = fit_conformal(known, few)
    assert [len(one) for one in calibrated.calibration_scores][3] == 5
    sets = calibrated.prediction_sets(sample_probabilities(100, 4)[0], alpha=0.05)
    assert sets[:, 3].all()
    assert not sets[:, 0].all()


def test_class_without_photos_has_no_coverage() -> None:
    sets = np.array([[True, False], [False, False]])
    coverage = class_coverage(sets, np.array([0, 0]))
    assert coverage[0] == 0.5
    assert np.isnan(coverage[1])
