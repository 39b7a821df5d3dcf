"""The nearest neighbors against scikit-learn's and against sorted distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from clothier.errors import DataError
from clothier.exploration.tsne.neighbors import knn


def cloud(n: int, dimensions: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 1, (n, dimensions)).astype(np.float32)


@pytest.mark.parametrize(("n", "k"), [(2, 1), (10, 9), (300, 7), (1000, 90), (5000, 10)])
def test_they_are_scikit_learns(n: int, k: int) -> None:
    points = cloud(n)
    found = knn(points, k)
    distances, indices = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points).kneighbors()
    # neighbors with distances that are equal in float32 may be swapped
    assert (found.indices == indices).mean() > 0.9999
    assert found.distances == pytest.approx(distances, abs=1e-5)


def test_queries_may_be_others_than_the_points() -> None:
    points, queries = cloud(700), cloud(30, seed=1)
    found = knn(points, 12, queries=queries)
    distances, indices = NearestNeighbors(n_neighbors=12, algorithm="brute").fit(points).kneighbors(queries)
    assert found.indices.tolist() == indices.tolist()
    assert found.distances == pytest.approx(distances, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_no_neighbor_is_missed_at_any_size(n: int, k: int, seed: int) -> None:
    points, queries = cloud(n, 3, seed), cloud(3, 3, seed + 1)
    k = min(k, n)
    found = knn(points, k, queries=queries)
    expected = np.sort(np.linalg.norm(queries[:, None] - points, axis=2), axis=1)[:, :k]
    assert found.distances == pytest.approx(expected, abs=1e-5)


def test_equal_points_have_distance_zero_in_the_order_of_their_indices() -> None:
    points = np.repeat(cloud(40), 4, axis=0)
    found = knn(points, 3)
    assert not found.distances.any()
    assert found.indices[5].tolist() == [4, 6, 7]


def test_points_that_are_all_the_same_are_neighbors_in_order() -> None:
    found = knn(np.ones((500, 2), np.float32), 4)
    assert found.indices[0].tolist() == [1, 2, 3, 4]
    assert found.indices[400].tolist() == [0, 1, 2, 3]


def test_threads_change_nothing() -> None:
    points = cloud(2000)
    one, three = knn(points, 15, threads=1), knn(points, 15, threads=3)
    assert np.array_equal(one.indices, three.indices)
    assert np.array_equal(one.distances, three.distances)


def test_progress_ends_with_all_queries() -> None:
    calls: list[tuple[float, float]] = []
    knn(cloud(300), 3, progress=lambda task, done, total, note="": calls.append((done, total)))
    assert calls[-1] == (300, 300)


def test_too_many_neighbors_are_refused() -> None:
    with pytest.raises(DataError, match="5 neighbors were requested; there are 4"):
        knn(cloud(5), 5)
    with pytest.raises(DataError, match="0 neighbors were requested"):
        knn(cloud(5), 0)


def test_nan_is_refused() -> None:
    points = cloud(5)
    points[2, 1] = np.nan
    with pytest.raises(DataError, match="the points hold NaN or infinity"):
        knn(points, 2)
    with pytest.raises(DataError, match="the points hold NaN or infinity"):
        knn(cloud(5), 2, queries=points)
