"""The attractive force between neighbors on a map: openTSNE's compiled code.

Legend: N points, M new points, k neighbors, E pairs of neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from openTSNE import _tsne  # not public; constraints.txt pins the version, and tests check the results

if TYPE_CHECKING:
    from clothier.exploration.tsne.neighbors import Neighbors
    from clothier.types import Float64Array


DEGREES_OF_FREEDOM = 1  # of the map's Student t kernel 1 / (1 + r^2)


def conditional_probabilities(neighbors: Neighbors, perplexity: float, threads: int = 1) -> Float64Array:
    """The probability with which each point chooses each neighbor: a Gaussian whose width gives the perplexity.

    Args:
        neighbors: of M points.
        perplexity: 2 to the entropy of each row; below k.
        threads: how many to use.

    Returns:
        (M, k), rows sum to 1.
    """
    distances = neighbors.distances.astype(np.float64)
    return np.asarray(
        _tsne.compute_gaussian_perplexity(distances, np.array([perplexity], dtype=np.float64), num_threads=threads)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Attraction:
    """The attractive forces among N points.

    Attributes:
        affinities: (N, N) sparse, symmetric, sums to 1; E entries.
    """

    affinities: Any

    @classmethod
    def from_neighbors(cls, neighbors: Neighbors, perplexity: float, threads: int = 1) -> Attraction:
        """The affinities of N points, from the ``neighbors`` that they have among themselves."""
        n, k = neighbors.indices.shape
        probabilities = conditional_probabilities(neighbors, perplexity, threads)
        starts = np.arange(0, n * k + 1, k, dtype=np.int32)
        directed = scipy.sparse.csr_array((probabilities.ravel(), neighbors.indices.ravel(), starts), shape=(n, n))
        symmetric = (directed + directed.T).tocsr()
        symmetric.sort_indices()
        return cls(symmetric / (2 * n))

    def gradient(self, positions: Float64Array, rows: slice) -> Float64Array:
        """The attractive gradient sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|^2) of the points of ``rows``.

        Args:
            positions: (N, 2) float64 of all points.
            rows: a slice of them.
        """
        affinities, points = self.affinities, positions[rows]
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
