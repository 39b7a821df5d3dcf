"""How good a map is: do neighbours stay neighbours, and do classes?

Legend: N points, D features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from clothier.errors import DataError
from clothier.exploration.tsne.neighbors import knn

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Labels

SMALL_K, LARGE_K = 10, 100  # neighbours that vote: one looks at a garment's surroundings, the other at its region
TRUST_NEIGHBORS = 12  # neighbours on the map that are looked up in the features
TRUST_SAMPLE = 10_000  # points among which ranks are counted; each costs as many comparisons as there are points
CHUNK_SIZE = 256  # of ranks at a time


@dataclass(frozen=True, slots=True)
class MapQuality:
    """What can be trusted of a map.

    Attributes:
        n: points on the map.
        knn10, knn100: accuracy of k-nearest-neighbour votes on the map, fitted on the first points and scored on the
            others, 0 to 1; None where there are too few points to fit on.
        trustworthiness: 1 where the 12 nearest on the map are near in the features, too; 0.5 by chance (Venna and Kaski
            2001, 10.1007/3-540-44668-0_68); None where there are too few points.
        trustworthiness_n: points among which that was counted.
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
    """Judges a map.

    Args:
        positions: (N, 2) on the map.
        features: (N, D) that it was made of.
        labels: (N,).
        n_train: how many of the N, from the first on, the votes are learnt from; the others are scored.
        seed: draws the points among which ranks are counted, where there are more than 10,000.

    Raises:
        DataError: the three do not belong together, or nothing is left to score.
    """
    if not len(positions) == len(features) == len(labels) or not 0 < n_train < len(positions):
        raise DataError(
            f"a map is judged by {len(positions)} positions, {len(features)} features and {len(labels)} labels, "
            f"{n_train} of them to learn from; all must be as many, and some be left to score."
        )
    near, wide = (_knn_accuracy(positions, labels, n_train, k) for k in (SMALL_K, LARGE_K))
    sample = np.sort(np.random.default_rng(seed).permutation(len(positions))[:TRUST_SAMPLE])
    trust = trustworthiness(positions[sample], features[sample]) if len(sample) >= 2 * TRUST_NEIGHBORS else None
    return MapQuality(len(positions), near, wide, trust, len(sample))


def trustworthiness(positions: Floats, features: Floats, k: int = TRUST_NEIGHBORS) -> float:
    """scikit-learn's figure of the same name, counted in the memory of a few rows in place of N x N ranks.

    Args:
        positions: (N, 2) on the map.
        features: (N, D).
        k: neighbours on the map that are looked up, below N / 2.
    """
    n = len(positions)
    neighbours = knn(positions, k).indices
    beyond = sum(
        _rank_excess(features, slice(start, start + CHUNK_SIZE), neighbours, k) for start in range(0, n, CHUNK_SIZE)
    )
    return 1 - beyond * 2 / (n * k * (2 * n - 3 * k - 1))


def _rank_excess(features: Floats, rows: slice, neighbors: npt.NDArray[np.int32], k: int) -> int:
    """By how many ranks the map's neighbours of ``rows`` lie beyond the k nearest in the features, summed."""
    asked, shown = features[rows].astype(np.float64), neighbors[rows]
    squares = np.einsum("nd,nd->n", features, features, dtype=np.float64)
    distances = squares - 2 * asked @ features.T
    distances[np.arange(len(asked)), np.arange(rows.start, rows.start + len(asked))] = -np.inf  # rank 0: itself
    reach = np.take_along_axis(distances, shown, axis=1)
    ranks = np.stack([(distances < reach[:, [place]]).sum(axis=1) for place in range(k)])
    return int(np.maximum(ranks - k, 0).sum())


def _knn_accuracy(positions: Floats, labels: Labels, n_train: int, k: int) -> float | None:
    if n_train < k:
        return None
    classifier = KNeighborsClassifier(k, algorithm="kd_tree").fit(positions[:n_train], labels[:n_train])
    return float(classifier.score(positions[n_train:], labels[n_train:]))
