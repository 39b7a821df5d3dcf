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
from clothier.types import silent

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Progress

    Indices = npt.NDArray[np.int32]

TASK = "nearest neighbours"
ROWS = 64  # queries a block: 64 x 70,000 distances are 18 MB, and stay near the processor
GROUP = 64  # distances that are represented by their least one when the bound is sought
FAR = np.float32(3e38)  # a distance that no point has; infinity would make NaN of the padding


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The k nearest of N points to each of M queries.

    Attributes:
        indices: (M, k) int32, places among the points, the nearest first.
        distances: (M, k) float32, Euclidean, rising.
    """

    indices: Indices
    distances: Floats


def nearest(
    points: Floats, k: int, *, queries: Floats | None = None, threads: int | None = None, progress: Progress = silent
) -> Neighbours:
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
    starts = range(0, len(asked), ROWS)
    threads = threads or system.usable_cores()
    # Each thread multiplies for itself: BLAS with threads of its own would make ours wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(search.answer, starts), 1):
            if done % 64 == 0 or done == len(starts):
                progress(TASK, min(done * ROWS, len(asked)), len(asked))
    return Neighbours(search.indices, search.distances)


def _check(points: Floats, queries: Floats, k: int, most: int) -> None:
    if not 1 <= k <= most:
        raise DataError(f"{k} neighbours were asked for, and there are {most} points to find. Ask for 1 to {most}.")
    if not (np.isfinite(points).all() and np.isfinite(queries).all()):
        raise DataError("the points hold NaN or infinity, which have no neighbours. Repair or remove them.")


class _Search:
    """The matrices of one search, and the arrays that its blocks fill."""

    def __init__(self, points: Floats, queries: Floats, k: int, themselves: bool) -> None:
        self.points, self.queries, self.k, self.themselves = points, queries, k, themselves
        self.indices = np.empty((len(queries), k), np.int32)
        self.distances = np.empty((len(queries), k), np.float32)
        # Around their mean the squares are small, and cancel less in float32.
        centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.group = max(1, min(GROUP, len(points) // (2 * k)))
        self.doubled = np.concatenate([-2 * (queries - centre), np.ones((len(queries), 1), np.float32)], axis=1)
        self.columns = self._columns(points - centre)

    def _columns(self, points: Floats) -> Floats:
        """(D + 1, N padded): by it, ``doubled`` becomes |p|^2 - 2 p q, which ranks as the distance does."""
        padded = -(-len(points) // self.group) * self.group
        columns = np.zeros((points.shape[1] + 1, padded), np.float32)
        columns[:-1, : len(points)] = points.T
        columns[-1] = FAR
        columns[-1, : len(points)] = np.einsum("nd,nd->n", points, points)
        return columns

    def answer(self, start: int) -> None:
        """Fills in the queries of one block."""
        block = slice(start, min(start + ROWS, len(self.queries)))
        ranks = self.doubled[block] @ self.columns
        rows = np.arange(len(ranks))
        if self.themselves:
            ranks[rows, np.arange(block.start, block.stop)] = FAR
        least = ranks.reshape(len(ranks), self.group, -1).min(axis=1)
        bound = np.partition(least, self.k - 1, axis=1)[:, self.k - 1 : self.k]
        row, column = np.divmod(np.flatnonzero(ranks <= bound), ranks.shape[1])
        ends = np.searchsorted(row, rows, side="right")
        for query, candidates in enumerate(np.split(column, ends[:-1])):
            self._keep(start + query, candidates)

    def _keep(self, query: int, candidates: npt.NDArray[np.int64]) -> None:
        """The k nearest of the candidates, by distances that no cancellation has touched."""
        apart = self.points[candidates] - self.queries[query]
        distances = np.sqrt(np.einsum("nd,nd->n", apart, apart))
        order = np.argsort(distances, kind="stable")[: self.k]
        self.indices[query], self.distances[query] = candidates[order], distances[order]
