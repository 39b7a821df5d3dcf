"""Exact nearest neighbors: blocks of distances by matrix products, then a bound that leaves few distances to sort.

Legend: N points, M queries, D dimensions, k neighbors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from clothier import system
from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Progress

    Indices = npt.NDArray[np.int32]

TASK = "nearest neighbors"
BLOCK_SIZE = 64  # queries per block: 64 x 70,000 distances are 18 MB and fit the cache
GROUP_SIZE = 64  # distances of which only the minimum is used to find the bound
PADDING_DISTANCE = np.float32(3e38)  # larger than any distance; infinity would become NaN


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The k nearest of N points to each of M queries.

    Attributes:
        indices: (M, k) int32, of points, the nearest first.
        distances: (M, k) float32, Euclidean, rising.
    """

    indices: Indices
    distances: Floats


def knn(
    points: Floats,
    k: int,
    *,
    queries: Floats | None = None,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> Neighbors:
    """The k nearest points of every query; points at the same distance in the order of their indices.

    The search is exact up to float32's rounding. Each row of distances is split into groups of 64. The k-th smallest
    of the groups' minima is an upper bound of the k-th smallest distance, so only the distances within it are sorted:
    about k of 70,000.

    Args:
        points: (N, D) float32.
        k: how many, 1 or more.
        queries: (M, D) float32; None for the neighbors of the points among the other points.
        threads: how many to use; None for all available cores. The result does not depend on it.
        progress: called after every 64 blocks of queries.

    Raises:
        DataError: k is more than the number of points, or a coordinate is not finite.
    """
    exclude_self, targets = queries is None, points if queries is None else queries
    _check(points, targets, k, len(points) - exclude_self)
    search = _Search(points, targets, k, exclude_self)
    starts = range(0, len(targets), BLOCK_SIZE)
    threads = threads or system.available_cores()
    # BLAS with threads of its own would make our threads wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(search.search_block, starts), 1):
            if done % 64 == 0 or done == len(starts):
                progress(TASK, min(done * BLOCK_SIZE, len(targets)), len(targets))
    return Neighbors(search.indices, search.distances)


def _check(points: Floats, queries: Floats, k: int, n_candidates: int) -> None:
    if not 1 <= k <= n_candidates:
        raise DataError(
            f"{k} neighbors were requested; there are {n_candidates} other points. Request 1 to {n_candidates}."
        )
    if not (np.isfinite(points).all() and np.isfinite(queries).all()):
        raise DataError("the points hold NaN or infinity. Repair or remove them.")


class _Search:
    """The matrices of one search, and the result arrays that its blocks fill."""

    def __init__(self, points: Floats, queries: Floats, k: int, exclude_self: bool) -> None:
        self.points, self.queries, self.k, self.exclude_self = points, queries, k, exclude_self
        self.indices = np.empty((len(queries), k), np.int32)
        self.distances = np.empty((len(queries), k), np.float32)
        # Centered points have smaller squares, which cancel less in float32.
        center = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.group_size = max(1, min(GROUP_SIZE, len(points) // (2 * k)))
        self.augmented_queries = np.concatenate(
            [-2 * (queries - center), np.ones((len(queries), 1), np.float32)], axis=1
        )
        self.augmented_points = self._augment_points(points - center)

    def _augment_points(self, points: Floats) -> Floats:
        """(D + 1, N padded): times ``augmented_queries`` it is |p|^2 - 2 p q, which ranks like the distance."""
        padded = -(-len(points) // self.group_size) * self.group_size
        columns = np.zeros((points.shape[1] + 1, padded), np.float32)
        columns[:-1, : len(points)] = points.T
        columns[-1] = PADDING_DISTANCE
        columns[-1, : len(points)] = np.einsum("nd,nd->n", points, points)
        return columns

    def search_block(self, start: int) -> None:
        """Fills in the neighbors of one block of queries."""
        block = slice(start, min(start + BLOCK_SIZE, len(self.queries)))
        scores = self.augmented_queries[block] @ self.augmented_points
        rows = np.arange(len(scores))
        if self.exclude_self:
            scores[rows, np.arange(block.start, block.stop)] = PADDING_DISTANCE
        minima = scores.reshape(len(scores), self.group_size, -1).min(axis=1)
        bound = np.partition(minima, self.k - 1, axis=1)[:, self.k - 1 : self.k]
        row, column = np.divmod(np.flatnonzero(scores <= bound), scores.shape[1])
        ends = np.searchsorted(row, rows, side="right")
        for query, candidates in enumerate(np.split(column, ends[:-1])):
            self._store_nearest(start + query, candidates)

    def _store_nearest(self, query: int, candidates: npt.NDArray[np.int64]) -> None:
        """Sorts the candidates by distances that are computed without cancellation."""
        differences = self.points[candidates] - self.queries[query]
        distances = np.sqrt(np.einsum("nd,nd->n", differences, differences))
        order = np.argsort(distances, kind="stable")[: self.k]
        self.indices[query], self.distances[query] = candidates[order], distances[order]
