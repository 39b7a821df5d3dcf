"""The force that draws neighbours on a map together: openTSNE's compiled code behind two plain names.

Legend: N points, M new points, k neighbours, E pairs of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from openTSNE import _tsne  # neither has a public name there; constraints.txt pins the version, tests hold the sums

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.exploration.tsne.neighbors import Neighbors

    Doubles = npt.NDArray[np.float64]

DEGREES_OF_FREEDOM = 1  # degrees of freedom of the map's kernel 1 / (1 + r^2)


def conditional_probabilities(neighbors: Neighbors, perplexity: float, threads: int = 1) -> Doubles:
    """How probably each point picks each of its neighbours: a Gaussian as wide as the perplexity asks.

    Args:
        neighbors: of M points.
        perplexity: two to the entropy of a point's choice, in neighbours; below k.
        threads: how many work at once.

    Returns:
        (M, k), rows sum to 1.
    """
    distances = neighbors.distances.astype(np.float64)
    chosen = _tsne.compute_gaussian_perplexity(distances, np.array([perplexity], dtype=np.float64), num_threads=threads)
    return np.asarray(chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Attraction:
    """Which of N points draw each other, and how strongly.

    Attributes:
        affinities: (N, N) sparse, symmetric, sums to 1; E entries.
    """

    affinities: Any

    @classmethod
    def from_neighbors(cls, neighbors: Neighbors, perplexity: float, threads: int = 1) -> Attraction:
        """The affinities of N points to the neighbours ``neighbors`` among themselves, each pair's mean of both sides."""
        n, k = neighbors.indices.shape
        chosen = conditional_probabilities(neighbors, perplexity, threads)
        one_way = scipy.sparse.csr_array(
            (chosen.ravel(), neighbors.indices.ravel(), np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, n)
        )
        both = (one_way + one_way.T).tocsr()
        both.sort_indices()
        return cls(both / (2 * n))

    def gradient(self, positions: Doubles, rows: slice) -> Doubles:
        """The gradient of the attraction, sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|^2), for the points of ``rows``.

        Args:
            positions: (N, 2) float64 of all points.
            rows: a run of them.
        """
        links, moved = self.affinities, positions[rows]
        pulled = np.zeros_like(moved)
        starts = links.indptr[rows.start : rows.stop + 1]
        _tsne.estimate_positive_gradient_nn(
            links.indices,
            starts,
            links.data,
            moved,
            positions,
            pulled,
            DEGREES_OF_FREEDOM,
            num_threads=1,
            should_eval_error=False,
        )
        return pulled
