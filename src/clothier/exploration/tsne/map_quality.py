"""Quality of a map: do neighbors stay neighbors, and do classes stay together?

Legend: N points, D features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import KDTree

from clothier.errors import DataError
from clothier.exploration.tsne.neighbors import knn
from clothier.recipes.bounds import check_seed

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Labels

SMALL_K, LARGE_K = 10, 100  # of the k-NN accuracies: for small and for large neighborhoods
TRUST_NEIGHBORS = 12  # neighbors on the map whose ranks in the features are counted
TRUST_SAMPLE = 10_000  # points; the time grows with their square
CHUNK_SIZE = 256  # points whose ranks are in memory at a time


@dataclass(frozen=True, slots=True)
class MapQuality:
    """Quality metrics of a map.

    Attributes:
        n: points on the map.
        knn10, knn100: accuracy of k-nearest-neighbor classification on the map, fitted on the training points and
            scored on the others; None if there are fewer training points than k.
        trustworthiness: 1 if the 12 nearest points on the map are also the nearest in the features, 0.5 for a random
            map (Venna and Kaski 2001, 10.1007/3-540-44668-0_68); None if there are too few points.
        trustworthiness_n: points in the sample that it was computed on.
    """

    n: int
    knn10: float | None
    knn100: float | None
    trustworthiness: float | None
    trustworthiness_n: int

    def to_json(self) -> dict[str, Any]:
        """As ``explore.json`` holds it."""
        return asdict(self)


def map_quality(positions: Floats, features: Floats, labels: Labels, n_train: int, *, seed: int = 0) -> MapQuality:
    """Evaluates a map.

    Args:
        positions: (N, 2) on the map.
        features: (N, D) that were mapped.
        labels: (N,).
        n_train: the first ``n_train`` points fit the k-NN classifiers; the others are scored.
        seed: of the sample for the trustworthiness, if there are more than :data:`TRUST_SAMPLE` points.

    Raises:
        DataError: the lengths differ, or no point is left to score.
        UsageError: an invalid seed.
    """
    if not len(positions) == len(features) == len(labels) or not 0 < n_train < len(positions):
        raise DataError(
            f"got {len(positions)} positions, {len(features)} features, {len(labels)} labels and {n_train} training "
            "points; give equal numbers of the first three and fewer training points."
        )
    knn10, knn100 = (_knn_accuracy(positions, labels, n_train, k) for k in (SMALL_K, LARGE_K))
    sample = np.sort(np.random.default_rng(check_seed(seed)).permutation(len(positions))[:TRUST_SAMPLE])
    trust = trustworthiness(positions[sample], features[sample]) if len(sample) >= 2 * TRUST_NEIGHBORS else None
    return MapQuality(len(positions), knn10, knn100, trust, len(sample))


def trustworthiness(positions: Floats, features: Floats, k: int = TRUST_NEIGHBORS) -> float:
    """The same as scikit-learn's ``trustworthiness`` with ``k`` neighbors, without its N x N ranks in memory."""
    n = len(positions)
    neighbors = knn(positions, k).indices
    chunks = (slice(start, start + CHUNK_SIZE) for start in range(0, n, CHUNK_SIZE))
    excess = sum(_rank_excess(features, rows, neighbors, k) for rows in chunks)
    return 1 - excess * 2 / (n * k * (2 * n - 3 * k - 1))


def _rank_excess(features: Floats, rows: slice, neighbors: npt.NDArray[np.int32], k: int) -> int:
    """The sum of the ranks beyond k that the map's neighbors of ``rows`` have in the features."""
    queries, on_map = features[rows].astype(np.float64), neighbors[rows]
    squares = np.einsum("nd,nd->n", features, features, dtype=np.float64)
    distances = squares - 2 * queries @ features.T
    distances[np.arange(len(queries)), np.arange(rows.start, rows.start + len(queries))] = -np.inf  # rank 0: itself
    of_neighbors = np.take_along_axis(distances, on_map, axis=1)
    ranks = np.stack([(distances < of_neighbors[:, [column]]).sum(axis=1) for column in range(k)])
    return int(np.maximum(ranks - k, 0).sum())


def _knn_accuracy(positions: Floats, labels: Labels, n_train: int, k: int) -> float | None:
    if n_train < k:
        return None
    nearest = KDTree(positions[:n_train]).query(positions[n_train:], k, return_distance=False)
    votes = np.zeros((len(nearest), int(labels.max()) + 1), np.int32)
    for neighbor in nearest.T:
        votes[np.arange(len(nearest)), labels[neighbor]] += 1
    return float((votes.argmax(axis=1) == labels[n_train:]).mean())
