"""Figures of grouped photos: the groups, not the photos, are independent."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.clustered import clustered_standard_error, grouped_test
from clothier.errors import DataError
from clothier.metrics import mcnemar, standard_error

GROUPS = np.repeat(np.arange(50), 20)


def draw(seed: int, spread: float) -> np.ndarray:
    """Where a classifier is correct, whose accuracy differs between groups."""
    generator = np.random.default_rng(seed)
    accuracy = np.clip(generator.normal(0.8, spread, 50), 0, 1)[GROUPS]
    return generator.random(len(GROUPS)) < accuracy


def test_the_standard_error_is_that_of_the_mean_over_simulations() -> None:
    drawn = [draw(seed, 0.2) for seed in range(400)]
    true = np.std([one.mean() for one in drawn])
    estimated = np.mean([clustered_standard_error(one, GROUPS) for one in drawn])
    assert estimated == pytest.approx(true, rel=0.08)
    assert standard_error(0.8, len(GROUPS)) < 0.6 * true, "photos that count as independent say too much"


def test_for_groups_of_one_it_is_the_binomial_one() -> None:
    correct = draw(0, 0.0)
    found = clustered_standard_error(correct, np.arange(len(correct)))
    assert found == pytest.approx(standard_error(correct.mean(), len(correct)), rel=1e-3)


def test_a_single_group_counts_as_one_image() -> None:
    assert clustered_standard_error(np.arange(100) < 80, np.zeros(100)) == pytest.approx(0.4)


def test_it_is_zero_where_all_groups_have_the_same_accuracy() -> None:
    for n_groups in (2, 7, 23):
        correct = np.tile(np.arange(6) < 5, n_groups)
        assert clustered_standard_error(correct, np.repeat(np.arange(n_groups), 6)) == 0


def test_a_difference_in_one_group_proves_nothing() -> None:
    first, second = np.ones(1000, bool), GROUPS != 0
    found = grouped_test(first, second, GROUPS)
    assert (found.n, found.n_groups, found.only_first, found.only_second) == (1000, 50, 20, 0)
    assert found.difference == pytest.approx(0.02)
    assert found.p_value == 1
    assert found.interval[0] == 0
    assert mcnemar(first, second).p_value < 1e-4
    assert found.to_json()["interval"] == list(found.interval)


def test_a_single_group_has_no_interval() -> None:
    found = grouped_test(np.arange(100) < 90, np.arange(100) < 80, np.zeros(100))
    assert (found.difference, found.interval, found.p_value) == (pytest.approx(0.1), (-1, 1), 1)


def test_a_difference_in_all_groups_is_significant() -> None:
    first, second = draw(0, 0.1), draw(0, 0.1) & (np.arange(1000) % 5 != 0)
    found = grouped_test(first, second, GROUPS)
    assert found.p_value < 0.001
    assert 0 < found.interval[0] < found.difference < found.interval[1]


def test_equal_classifiers() -> None:
    found = grouped_test(draw(0, 0.1), draw(0, 0.1), GROUPS)
    assert (found.difference, found.interval, found.p_value) == (0, (0, 0), 1)


def test_p_values_are_uniform_without_a_difference() -> None:
    """Half of the groups favor one classifier, half the other, at random."""
    generator = np.random.default_rng(1)
    rejected = 0
    for _ in range(200):
        better = generator.random(50)[GROUPS] < 0.5
        flags = generator.random(1000) < 0.3
        rejected += grouped_test(flags & better, flags & ~better, GROUPS).p_value < 0.05
    assert rejected <= 20


def test_mismatched_lengths() -> None:
    with pytest.raises(DataError, match="got 2, 2 and 1"):
        grouped_test(np.ones(2, bool), np.ones(2, bool), [0])
