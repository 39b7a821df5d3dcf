"""Exact nearest neighbours: blocks of distances by one matrix product, then a bound that leaves few to sort.

Legend: N points, M queries, D dimensions, k neighbours.
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

TASK = "nearest neighbours"
BLOCK_SIZE = 64  # queries a block: 64 x 70,000 distances are 18 MB, and stay near the processor
GROUP_SIZE = 64  # distances that are represented by their least one when the bound is sought
PADDING_DISTANCE = np.float32(3e38)  # a distance that no point has; infinity would make NaN of the padding


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The k nearest of N points to each of M queries.

    Attributes:
        indices: (M, k) int32, places among the points, the nearest first.
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

    No point is left out by an approximation: what is nearer by more than float32's rounding is found. Each row of
    distances is cut into groups of 64; the k-th smallest of the groups' minima bounds the k-th smallest distance from
    above, so only what lies within it is sorted: some k candidates of 70,000.

    Args:
        points: (N, D) float32.
        k: how many, 1 or more.
        queries: (M, D) float32; None asks for the neighbours of the points among the other points.
        threads: how many work at once; None for every core that this process may use. Changes no figure.
        progress: told of queries answered.

    Raises:
        DataError: k is more than there are points to find, or a coordinate is not finite.
    """
    themselves = queries is None
    asked = points if queries is None else queries
    _check(points, asked, k, len(points) - themselves)
    search = _Search(points, asked, k, themselves)
    starts = range(0, len(asked), BLOCK_SIZE)
    threads = threads or system.available_cores()
    # Each thread multiplies for itself: BLAS with threads of its own would make ours wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(search.search_block, starts), 1):
            if done % 64 == 0 or done == len(starts):
                progress(TASK, min(done * BLOCK_SIZE, len(asked)), len(asked))
    return Neighbors(search.indices, search.distances)


def _check(points: Floats, queries: Floats, k: int, n_candidates: int) -> None:
    if not 1 <= k <= n_candidates:
        raise DataError(
            f"{k} neighbours were asked for, and there are {n_candidates} points to find. Ask for 1 to {n_candidates}."
        )
    if not (np.isfinite(points).all() and np.isfinite(queries).all()):
        raise DataError("the points hold NaN or infinity, which have no neighbours. Repair or remove them.")


class _Search:
    """The matrices of one search, and the arrays that its blocks fill."""

    def __init__(self, points: Floats, queries: Floats, k: int, exclude_self: bool) -> None:
        self.points, self.queries, self.k, self.exclude_self = points, queries, k, exclude_self
        self.indices = np.empty((len(queries), k), np.int32)
        self.distances = np.empty((len(queries), k), np.float32)
        # Around their mean the squares are small, and cancel less in float32.
        centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.group_size = max(1, min(GROUP_SIZE, len(points) // (2 * k)))
        self.augmented_queries = np.concatenate(
            [-2 * (queries - centre), np.ones((len(queries), 1), np.float32)], axis=1
        )
        self.augmented_points = self._augment_points(points - centre)

    def _augment_points(self, points: Floats) -> Floats:
        """(D + 1, N padded): by it, ``augmented_queries`` becomes |p|^2 - 2 p q, which ranks as the distance does."""
        padded = -(-len(points) // self.group_size) * self.group_size
        columns = np.zeros((points.shape[1] + 1, padded), np.float32)
        columns[:-1, : len(points)] = points.T
        columns[-1] = PADDING_DISTANCE
        columns[-1, : len(points)] = np.einsum("nd,nd->n", points, points)
        return columns

    def search_block(self, start: int) -> None:
        """Fills in the queries of one block."""
        block = slice(start, min(start + BLOCK_SIZE, len(self.queries)))
        ranks = self.augmented_queries[block] @ self.augmented_points
        rows = np.arange(len(ranks))
        if self.exclude_self:
            ranks[rows, np.arange(block.start, block.stop)] = PADDING_DISTANCE
        least = ranks.reshape(len(ranks), self.group_size, -1).min(axis=1)
        bound = np.partition(least, self.k - 1, axis=1)[:, self.k - 1 : self.k]
        row, column = np.divmod(np.flatnonzero(ranks <= bound), ranks.shape[1])
        ends = np.searchsorted(row, rows, side="right")
        for query, candidates in enumerate(np.split(column, ends[:-1])):
            self._store_nearest(start + query, candidates)

    def _store_nearest(self, query: int, candidates: npt.NDArray[np.int64]) -> None:
        """The k nearest of the candidates, by distances that no cancellation has touched."""
        apart = self.points[candidates] - self.queries[query]
        distances = np.sqrt(np.einsum("nd,nd->n", apart, apart))
        order = np.argsort(distances, kind="stable")[: self.k]
        self.indices[query], self.distances[query] = candidates[order], distances[order]
