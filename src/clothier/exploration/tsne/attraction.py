"""The attractive force between neighbors on a map: openTSNE's compiled code.

Legend: N points, M new points, k neighbors, E pairs of neighbors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from openTSNE import _tsne  # not public; constraints.txt pins the version, and tests check the results

if TYPE_CHECKING:
    from clothier.exploration.tsne.neighbors import Neighbors
    from clothier.types import Float64Array, Int64Array

    Affinities = Any  # scipy.sparse.csr_array, which has no types

DEGREES_OF_FREEDOM = 1  # of the map's Student t kernel 1 / (1 + r^2)


def conditional_probabilities(neighbors: Neighbors, perplexity: float, threads: int = 1) -> Float64Array:
    """The probability (M, k) with which each point chooses each neighbor, from a Gaussian; rows sum to 1.

    Its width makes the ``perplexity``, which is 2 to the entropy of a row and below k.
    """
    distances = neighbors.distances.astype(np.float64)
    return np.asarray(
        _tsne.compute_gaussian_perplexity(distances, np.array([perplexity], dtype=np.float64), num_threads=threads)
    )


def joint_probabilities(neighbors: Neighbors, perplexity: float, threads: int = 1) -> Affinities:
    """(N, N) sparse affinities of N points from the ``neighbors`` that they have among themselves.

    They are symmetric and sum to 1; E of them are not zero.
    """
    n, k = neighbors.indices.shape
    probabilities = conditional_probabilities(neighbors, perplexity, threads)
    starts = np.arange(0, n * k + 1, k, dtype=np.int32)
    directed = scipy.sparse.csr_array((probabilities.ravel(), neighbors.indices.ravel(), starts), shape=(n, n))
    symmetric = (directed + directed.T).tocsr()
    symmetric.sort_indices()
    return symmetric / (2 * n)


def reorder(affinities: Affinities, order: Int64Array) -> Affinities:
    """The affinities of the points in another ``order``, (N,). Each row keeps the order of its sums."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    rows = affinities[order]
    return scipy.sparse.csr_array((rows.data, rank[rows.indices], rows.indptr), shape=rows.shape)


def attractive_gradient(affinities: Affinities, positions: Float64Array, rows: slice) -> Float64Array:
    """The gradient sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|^2) of the points of ``rows``, a slice.

    ``positions`` (N, 2) float64 are those of all points.
    """
    points = positions[rows]
    gradient = np.zeros_like(points)
    _tsne.estimate_positive_gradient_nn(
        affinities.indices,
        affinities.indptr[rows.start : rows.stop + 1],
        affinities.data,
        points,
        positions,
        gradient,
        DEGREES_OF_FREEDOM,
        num_threads=1,
        should_eval_error=False,
    )
    return gradient
