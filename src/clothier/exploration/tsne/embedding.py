"""t-SNE: a map in the plane on which similar images lie near each other.

Van der Maaten and Hinton 2008 (jmlr.org/papers/v9/vandermaaten08a.html), with the initialization and learning rates of
Kobak and Berens 2019 (10.1038/s41467-019-13056-x) and Belkina et al. 2019 (10.1038/s41467-019-13055-y). Neighbors are
exact (:mod:`clothier.exploration.tsne.neighbors`); the two forces are :mod:`clothier.exploration.tsne.attraction` and
:mod:`clothier.exploration.tsne.repulsion`.

Legend: N points, M new points, D features, k neighbors.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clothier import system
from clothier.errors import DataError, UsageError
from clothier.exploration.tsne.attraction import (
    attractive_gradient,
    conditional_probabilities,
    joint_probabilities,
    reorder,
)
from clothier.exploration.tsne.neighbors import knn
from clothier.exploration.tsne.repulsion import PotentialGrid
from clothier.recipes.bounds import check_seed
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.tsne.attraction import Affinities
    from clothier.types import Float64Array, Floats, Int64Array, Progress


TASK, TRANSFORM_TASK = "t-SNE", "t-SNE transform"
PERPLEXITY = 30.0
NEIGHBORS_PER_PERPLEXITY = 3  # beyond, a Gaussian of that perplexity is nearly zero
MIN_POINTS = 4
INITIAL_STD = 1e-4  # standard deviation of the first axis at the start
JITTER = 0.01  # of that: separates equal points
MOMENTUM = 0.8
GAIN_FACTOR = np.array([0.8, 1.0])  # Jacobs 1988: one step size per coordinate; it shrinks if the step goes uphill
GAIN_ADDED = np.array([0.01, 0.2])  # and otherwise grows
MAX_STEP = 5.0  # in map units: a point that flies off would enlarge the grid
ATTRACTION_CHUNKS = 8  # computed by the threads that the repulsion leaves free
TRANSFORM_STEPS, TRANSFORM_LEARNING_RATE = 100, 0.5  # new points settle in about 50 steps


class Phase(NamedTuple):
    """``n_iter`` steps of the descent with the attraction multiplied by ``exaggeration``."""

    n_iter: int
    exaggeration: float


PHASES = (Phase(125, 12), Phase(375, 1))
"""Half of openTSNE's 250 exaggerated steps and three quarters of its 500: more steps do not improve the map's quality
(docs/log.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A finished map.

    Attributes:
        positions: (N, 2) float32.
        features: (N, D) float32, that were mapped; new points are compared with them.
        perplexity: about the number of neighbors that attract each point.
    """

    positions: Floats
    features: Floats
    perplexity: float

    def transform(self, features: Floats, *, progress: Progress = no_progress) -> Floats:
        """Positions (M, 2) float32 of new points on this map, from their features (M, D).

        Each point starts at the weighted mean of its neighbors and descends on its own Kullback-Leibler divergence, so
        new points do not affect each other.

        Raises:
            DataError: features of another width, or not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.features.shape[1]:
            raise DataError(
                f"the map has {self.features.shape[1]} features per point, and the new points have the shape "
                f"{features.shape}. Transform them with the map's PCA."
            )
        neighbors = knn(self.features, _n_neighbors(self.perplexity), queries=features)
        weights = conditional_probabilities(neighbors, self.perplexity)
        anchors = self.positions[neighbors.indices].astype(np.float64)
        grid = PotentialGrid.from_points(self.positions.astype(np.float64))
        positions = np.einsum("mk,mkd->md", weights, anchors)
        for step in range(TRANSFORM_STEPS):
            differences = positions[:, np.newaxis] - anchors
            forces = weights / (1 + np.einsum("mkd,mkd->mk", differences, differences))
            attraction = np.einsum("mk,mkd->md", forces, differences)
            potential, slope = grid.evaluate(positions)
            repulsion = slope / (-2 * potential[:, np.newaxis])  # each point has its own normalization
            positions -= TRANSFORM_LEARNING_RATE * (attraction - repulsion)
            progress(TRANSFORM_TASK, step + 1, TRANSFORM_STEPS)
        return np.asarray(positions, np.float32)


def max_perplexity(n_points: int) -> float:
    """The largest perplexity for ``n_points`` points."""
    return (n_points - 1) / NEIGHBORS_PER_PERPLEXITY


def tsne(
    features: Floats,
    *,
    perplexity: float = PERPLEXITY,
    seed: int = 0,
    phases: Sequence[Phase] = PHASES,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> Embedding:
    """Fits a t-SNE map.

    Args:
        features: (N, D) float32, D of 2 or more; a few dozen principal components work best.
        perplexity: about the number of neighbors that attract each point.
        seed: of the jitter that separates equal points. The same seed gives the same map.
        phases: the descent.
        threads: how many to use; None for all available cores. The map does not depend on it.
        progress: called during the neighbor search, then after every step.

    Raises:
        UsageError: a perplexity below 1, or too large for N; an invalid seed, or no threads.
        DataError: too few points or features, NaN, or points that are all the same.
    """
    _check(features, perplexity)
    seed = check_seed(seed)
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads!r}; it must be a whole number from 1, or None for all cores.")
    threads = threads or system.available_cores()
    neighbors = knn(features, _n_neighbors(perplexity), threads=threads, progress=progress)
    affinities = joint_probabilities(neighbors, perplexity, threads)
    with ThreadPoolExecutor(threads) as pool:
        positions = _gradient_descent(_pca_init(features, seed), affinities, phases, pool, progress)
    return Embedding(positions.astype(np.float32), features, perplexity)


def _check(features: Floats, perplexity: float) -> None:
    if features.ndim != 2 or features.shape[1] < 2 or len(features) < MIN_POINTS:
        raise DataError(
            f"a map needs {MIN_POINTS} points or more with 2 features or more, and got the shape {features.shape}. "
            "Give more images."
        )
    check_perplexity(perplexity, len(features))
    if not np.isfinite(features).all():
        raise DataError("the features hold NaN or infinity. Repair or remove them.")
    if (features == features[0]).all():
        raise DataError(f"all {len(features)} points are the same, so there is nothing to map. Check the data.")


def check_perplexity(perplexity: float, n_points: int) -> None:
    """Raises a UsageError if a map of ``n_points`` points cannot have this perplexity, NaN included."""
    most = max_perplexity(n_points)
    if not 1 <= perplexity <= most:
        raise UsageError(
            f"the perplexity {perplexity:g} does not suit {n_points} images; give 1 to {most:g} (a third of the "
            "number of other images), or more images."
        )


def _n_neighbors(perplexity: float) -> int:
    return max(1, int(NEIGHBORS_PER_PERPLEXITY * perplexity))


def _pca_init(features: Floats, seed: int) -> Float64Array:
    """The first two principal components, scaled down: the map keeps their large-scale shape."""
    centered = features - features.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centered.T @ centered)[1][:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    start = centered @ axes
    start *= INITIAL_STD / start[:, 0].std()
    return np.asarray(start + np.random.default_rng(seed).normal(0, JITTER * INITIAL_STD, start.shape))


def _gradient_descent(
    start: Float64Array, affinities: Affinities, phases: Sequence[Phase], pool: ThreadPoolExecutor, progress: Progress
) -> Float64Array:
    """Gradient descent on the Kullback-Leibler divergence, with momentum and a gain for each coordinate."""
    positions, steps, gains = start, np.zeros_like(start), np.ones_like(start)
    total, done = sum(phase.n_iter for phase in phases), 0
    for phase in phases:
        order = _order_by_place(positions)
        rank, nearby = np.argsort(order), reorder(affinities, order)
        rate = len(start) / phase.exaggeration  # Belkina et al. 2019; their factor 4 is part of the gradient
        for _ in range(phase.n_iter):
            repulsion = pool.submit(_repulsive_gradient, positions)
            attraction = _attraction(nearby, positions.take(order, axis=0), pool).take(rank, axis=0)
            gradient = phase.exaggeration * attraction - repulsion.result()
            downhill = (steps * gradient <= 0).astype(np.intp)
            gains = gains * GAIN_FACTOR.take(downhill) + GAIN_ADDED.take(downhill)
            steps = MOMENTUM * steps - rate * gains * gradient
            lengths = np.sqrt(np.einsum("nd,nd->n", steps, steps))
            steps *= (MAX_STEP / np.maximum(lengths, MAX_STEP))[:, np.newaxis]
            positions = positions + steps
            positions -= positions.mean(axis=0)
            done += 1
            progress(TASK, done, total)
    return positions


def _order_by_place(positions: Float64Array) -> Int64Array:
    """The order along strips of the plane: neighbors on the map then lie near each other in memory."""
    strip = np.argsort(np.argsort(positions[:, 0], kind="stable")) // math.isqrt(len(positions))
    return np.lexsort((positions[:, 1], strip))


def _attraction(affinities: Affinities, positions: Float64Array, pool: ThreadPoolExecutor) -> Float64Array:
    """(N, 2), in slices, which run while one thread computes the repulsion."""
    bounds = np.linspace(0, len(positions), ATTRACTION_CHUNKS + 1).astype(int).tolist()
    rows = [slice(first, last) for first, last in pairwise(bounds)]
    return np.concatenate(list(pool.map(lambda part: attractive_gradient(affinities, positions, part), rows)))


def _repulsive_gradient(positions: Float64Array) -> Float64Array:
    """sum_j q_ij^2 (y_i - y_j) / Z, which is -1/2 of the slope of the potential, divided by Z."""
    potential, slope = PotentialGrid.from_points(positions).evaluate(positions)
    return np.asarray(slope / (-2 * (potential.sum() - len(positions))))
