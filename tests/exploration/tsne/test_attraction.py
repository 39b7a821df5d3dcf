"""Affinities and attraction against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.exploration.tsne.attraction import (
    attractive_gradient,
    conditional_probabilities,
    joint_probabilities,
    reorder,
)
from clothier.exploration.tsne.neighbors import knn


def cloud(n: int = 120, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 4)).astype(np.float32)


def test_each_row_has_the_requested_perplexity() -> None:
    probabilities = conditional_probabilities(knn(cloud(), 30), 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(120))
    entropy = -(probabilities * np.log2(np.maximum(probabilities, 1e-300))).sum(axis=1)
    assert 2**entropy == pytest.approx(np.full(120, 10.0), rel=1e-3)
    assert (np.diff(probabilities, axis=1) <= 0).all()  # the nearer, the more probable


def test_affinities_are_symmetric_and_sum_to_one() -> None:
    found = knn(cloud(), 30)
    dense = joint_probabilities(found, 10).toarray()
    assert np.array_equal(dense, dense.T)
    assert dense.sum() == pytest.approx(1)
    assert not dense.diagonal().any()
    one_way = np.zeros_like(dense)
    np.put_along_axis(one_way, found.indices.astype(np.int64), conditional_probabilities(found, 10), axis=1)
    assert dense == pytest.approx((one_way + one_way.T) / (2 * 120))


def test_the_gradient_is_the_sum_over_neighbors_in_slices_too() -> None:
    affinities, positions = joint_probabilities(knn(cloud(), 30), 10), cloud(seed=1)[:, :2].astype(np.float64) * 5
    differences = positions[:, None] - positions
    weights = affinities.toarray() / (1 + (differences**2).sum(axis=2))
    expected = (weights[..., None] * differences).sum(axis=1)
    assert attractive_gradient(affinities, positions, slice(0, 120)) == pytest.approx(expected, abs=1e-12)
    parts = [attractive_gradient(affinities, positions, rows) for rows in (slice(0, 50), slice(50, 51), slice(51, 120))]
    assert np.concatenate(parts) == pytest.approx(expected, abs=1e-12)


def test_another_order_of_the_points_does_not_change_a_bit_of_the_gradient() -> None:
    affinities, positions = joint_probabilities(knn(cloud(), 30), 10), cloud(seed=1)[:, :2].astype(np.float64)
    order = np.random.default_rng(2).permutation(120)
    gradient = attractive_gradient(affinities, positions, slice(0, 120))
    reordered = attractive_gradient(reorder(affinities, order), positions[order], slice(0, 120))
    assert np.array_equal(reordered, gradient[order])
