from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from clothier.selective.error_rate import clopper_pearson, confidence_sequence


@pytest.mark.parametrize(
    ("errors", "n"), [(0, 1), (1, 1), (0, 300), (13, 400), (1, 7), (399, 400), (20, 20), (4_000, 100_000)]
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clopper_pearson_is_that_of_scipy(errors: int, n: int, level: float) -> None:
    expected = binomtest(errors, n).proportion_ci(level, "exact")
    assert clopper_pearson(errors, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_is_known_without_a_sample() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert confidence_sequence(0, 0, 0.05) == (0.0, 1.0)


@pytest.mark.parametrize(("errors", "n"), [(0, 100), (3, 100), (30, 1000), (200, 1000), (50_000, 1_000_000)])
def test_the_interval_for_every_look_contains_the_rate_and_is_wider(errors: int, n: int) -> None:
    low, high = confidence_sequence(errors, n, 0.05)
    narrow_low, narrow_high = clopper_pearson(errors, n)
    assert 0 <= low <= narrow_low <= errors / n <= narrow_high <= high <= 1
    assert high - low < 2.5 * (narrow_high - narrow_low) + 1e-3


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_looking_all_the_time_misleads_in_at_most_5_percent(rate: float) -> None:
    """1,000 samples that grow to 2,000 and are looked at after each photo."""
    rng, n = np.random.default_rng(0), np.arange(1, 2001)
    refuted_by_sequence = refuted_by_fixed = 0
    bounds: dict[tuple[int, int], bool] = {}
    for _ in range(1000):
        errors = (rng.random(2000) < rate).cumsum()
        looks = n[::20] - 1
        for look in looks:
            key = (int(errors[look]), int(n[look]))
            if key not in bounds:
                low, high = confidence_sequence(*key, 0.05)
                bounds[key] = not low <= rate <= high
        refuted_by_sequence += any(bounds[int(errors[look]), int(n[look])] for look in looks)
        tails = np.minimum(binom.cdf(errors[looks], n[looks], rate), binom.sf(errors[looks] - 1, n[looks], rate))
        refuted_by_fixed += bool((tails < 0.025).any())
    assert refuted_by_sequence <= 50
    assert refuted_by_fixed > 100, "an interval for a fixed size does not hold at every look"


def test_when_a_risk_of_5_percent_is_confirmed_or_refuted() -> None:
    confirmed = next(n for n in range(20, 5000) if confidence_sequence(round(0.02 * n), n, 0.05)[1] <= 0.05)
    refuted = next(n for n in range(20, 5000) if confidence_sequence(round(0.1 * n), n, 0.05)[0] > 0.05)
    assert (confirmed, refuted) == pytest.approx((400, 180), rel=0.4)
