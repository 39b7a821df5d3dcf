"""Exact nearest neighbors: blocks of distances by matrix products, then a bound that leaves few distances to sort.

Legend: N points, M queries, D dimensions, k neighbors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from clothier import system
from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Int64Array, Progress

    Indices = npt.NDArray[np.int32]

TASK = "nearest neighbors"
BLOCK_SIZE = 64  # queries per block: 64 x 70,000 distances are 18 MB and fit the cache
GROUP_SIZE = 64  # distances of which only the minimum is used to find the bound
PAIR_CHUNK = 1 << 14  # pairs whose distances are computed at a time
PADDING_DISTANCE = np.float32(3e38)  # larger than any distance; infinity would become NaN


class Neighbors(NamedTuple):
    """The k nearest of N points to each of M queries: (M, k) int32 indices and float32 Euclidean distances, rising."""

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

    ``queries`` (M, D) None is for the neighbors of the points (N, D) among the other points. The result does not
    depend on the number of threads.

    Raises:
        DataError: k is more than the number of points, or a coordinate is not finite.
    """
    targets = points if queries is None else queries
    n_candidates = len(points) - (queries is None)
    if not 1 <= k <= n_candidates:
        raise DataError(
            f"{k} neighbors were requested; there are {n_candidates} other points. Request 1 to {n_candidates}."
        )
    if not (np.isfinite(points).all() and np.isfinite(targets).all()):
        raise DataError("the points hold NaN or infinity. Repair or remove them.")
    center = points.mean(axis=0, dtype=np.float64).astype(np.float32)  # smaller squares cancel less in float32
    group_size = max(1, min(GROUP_SIZE, len(points) // (2 * k)))
    augmented_queries = np.column_stack([-2 * (targets - center), np.ones(len(targets), np.float32)])
    augmented_points = _augment(points - center, group_size)

    def search(start: int) -> tuple[Indices, Floats]:
        scores = augmented_queries[start : start + BLOCK_SIZE] @ augmented_points
        if queries is None:
            scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = PADDING_DISTANCE
        row, column = _within_bound(scores, k, group_size)
        distances = _distances(targets, start + row, points, column)
        order = np.lexsort((distances, row))  # stable: points at the same distance keep their order
        nearest = order[np.searchsorted(row, np.arange(len(scores)))[:, np.newaxis] + np.arange(k)]
        return column[nearest].astype(np.int32), distances[nearest]

    starts, blocks = range(0, len(targets), BLOCK_SIZE), []
    # BLAS with threads of its own would make our threads wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or system.available_cores()) as pool:
        for done, block in enumerate(pool.map(search, starts), 1):
            blocks.append(block)
            if done % 64 == 0 or done == len(starts):
                progress(TASK, min(done * BLOCK_SIZE, len(targets)), len(targets))
    return Neighbors(*(np.concatenate(part) for part in zip(*blocks, strict=True)))


def _augment(points: Floats, group_size: int) -> Floats:
    """(D + 1, N padded): times the augmented queries it is |p|^2 - 2 p q, which ranks like the distance."""
    padded = -(-len(points) // group_size) * group_size
    columns = np.zeros((points.shape[1] + 1, padded), np.float32)
    columns[:-1, : len(points)] = points.T
    columns[-1] = PADDING_DISTANCE
    columns[-1, : len(points)] = np.einsum("nd,nd->n", points, points)
    return columns


def _within_bound(scores: Floats, k: int, group_size: int) -> tuple[Int64Array, Int64Array]:
    """Rows and columns of the scores that may be among the k smallest of their row."""
    minima = scores.reshape(len(scores), group_size, -1).min(axis=1)
    bound = np.partition(minima, k - 1, axis=1)[:, k - 1 : k]
    row, column = np.divmod(np.flatnonzero(scores <= bound), scores.shape[1])
    return row, column


def _distances(queries: Floats, row: Int64Array, points: Floats, column: Int64Array) -> Floats:
    """Distances of pairs, without cancellation and in bounded memory."""
    squares = np.empty(len(row), np.float32)
    for start in range(0, len(row), PAIR_CHUNK):
        part = slice(start, start + PAIR_CHUNK)
        differences = points[column[part]] - queries[row[part]]
        squares[part] = np.einsum("nd,nd->n", differences, differences)
    return np.sqrt(squares)
