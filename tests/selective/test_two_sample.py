from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency

from clothier.selective.two_sample import chi_square_tail, homogeneity_p_value, population_stability_index


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 12, 40])
@pytest.mark.parametrize("value", [0.0, 0.3, 2.0, 11.0, 60.0, 400.0])
def test_the_tail_is_that_of_scipy(value: float, degrees: int) -> None:
    assert chi_square_tail(value, degrees) == pytest.approx(chi2.sf(value, degrees), rel=1e-9, abs=1e-300)


def test_the_test_is_that_of_scipy_where_no_category_is_rare() -> None:
    before, after = [400, 300, 100, 50], [90, 80, 20, 25]
    expected = chi2_contingency([before, after], correction=False).pvalue
    assert homogeneity_p_value(before, after) == pytest.approx(expected)


def test_p_values_of_equal_distributions_are_uniform() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(13))
    values = [homogeneity_p_value(rng.multinomial(2000, shares), rng.multinomial(150, shares)) for _ in range(2000)]
    for level in (0.01, 0.05, 0.5):
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 2000))


def test_the_index() -> None:
    assert population_stability_index([500, 300, 200], [5000, 3000, 2000]) < 1e-5
    assert population_stability_index([500, 500], [900, 100]) == pytest.approx(0.8788, abs=0.01)
    assert population_stability_index([100, 0], [90, 10]) < 1
    assert population_stability_index([1, 2, 3], [3, 2, 1]) == population_stability_index([3, 2, 1], [1, 2, 3])


def test_nothing_to_compare() -> None:
    assert homogeneity_p_value([0, 0], [3, 4]) == 1.0
    assert homogeneity_p_value([10, 0], [30, 0]) == 1.0
    assert chi_square_tail(3.0, 0) == 1.0
