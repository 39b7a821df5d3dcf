"""t-SNE: a map of the plane on which pictures that are alike lie together.

Van der Maaten and Hinton 2008 (jmlr.org/papers/v9/vandermaaten08a.html), with the initialisation and learning rates of
Kobak and Berens 2019 (10.1038/s41467-019-13056-x) and Belkina et al. 2019 (10.1038/s41467-019-13055-y). Neighbours are
exact (:mod:`clothier.exploration.tsne.neighbors`); the two forces are :mod:`clothier.exploration.tsne.attraction` and
:mod:`clothier.exploration.tsne.repulsion`.

Legend: N points, M new points, D features, k neighbours.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from clothier import system
from clothier.errors import DataError, UsageError
from clothier.exploration.tsne.attraction import Attraction, conditional_probabilities
from clothier.exploration.tsne.neighbors import knn
from clothier.exploration.tsne.repulsion import PotentialGrid
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import Floats, Progress

    Doubles = npt.NDArray[np.float64]

TASK = "t-SNE"
PERPLEXITY = 30.0
NEIGHBORS_PER_PERPLEXITY = 3  # beyond, a Gaussian of that perplexity is all but nothing
MIN_POINTS = 4  # points of which a map can be made
INITIAL_STD = 1e-4  # standard deviation of the first axis at the start
JITTER = 0.01  # of that: parts points that are the same
MOMENTUM = 0.8
GAIN_UP, GAIN_DOWN, MIN_GAIN = 0.2, 0.8, 0.01  # Jacobs 1988: each coordinate's own step grows while it goes straight
MAX_STEP = 5.0  # in the unit of the map: no point shoots off and stretches the grid
ATTRACTION_CHUNKS = 8  # of the attraction: shared among threads beside the repulsion
TRANSFORM_STEPS, TRANSFORM_LEARNING_RATE = 100, 0.5  # a new point sees 30 or so neighbours; it settles in half of these


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the descent: ``n_iter`` with the attraction ``exaggeration`` times as strong."""

    n_iter: int
    exaggeration: float


PHASES = (Phase(125, 12), Phase(375, 1))
"""Half of openTSNE's 250 exaggerated steps and three quarters of its 500: later ones move nothing that the quality of
the map would show (docs/log.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A finished map.

    Attributes:
        positions: (N, 2) float32.
        features: (N, D) float32, what the map was made of; new points are compared with them.
        perplexity: about how many neighbours each point was held to.
    """

    positions: Floats
    features: Floats
    perplexity: float

    def transform(self, features: Floats, *, progress: Progress = no_progress) -> Floats:
        """Where new points belong on this map, which stays as it is.

        Each begins at the mean of its neighbours, weighted as it will be attracted, and descends on its own
        Kullback-Leibler divergence: the answer for one does not depend on the others.

        Args:
            features: (M, D) float32, made as those of the map were.
            progress: told of steps done.

        Returns:
            (M, 2) float32.

        Raises:
            DataError: features of another width, or not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.features.shape[1]:
            raise DataError(
                f"the map was made of {self.features.shape[1]} features a point, and got {features.shape} for new "
                "ones. Project them as the map's own were."
            )
        found = knn(self.features, _n_neighbors(self.perplexity), queries=features)
        weights = conditional_probabilities(found, self.perplexity)
        anchors = self.positions[found.indices].astype(np.float64)
        field, placed = (
            PotentialGrid.from_points(self.positions.astype(np.float64)),
            np.einsum("mk,mkd->md", weights, anchors),
        )
        for step in range(TRANSFORM_STEPS):
            placed -= TRANSFORM_LEARNING_RATE * (
                _attractive_gradient_at(placed, anchors, weights) - _repulsive_gradient_at(field, placed)
            )
            progress("placing", step + 1, TRANSFORM_STEPS)
        return np.asarray(placed, np.float32)


def max_perplexity(n_points: int) -> float:
    """The most neighbours that each of N ``n_points`` can be held to."""
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
    """Makes a t-SNE map.

    Args:
        features: (N, D) float32, D of 2 or more; a few dozen principal components serve best.
        perplexity: about how many neighbours each point is held to.
        seed: of the jitter that parts points which are the same. The same seed gives the same map.
        phases: the descent.
        threads: how many work at once; None for every core that this process may use. Changes no figure.
        progress: told of queries answered, then of steps done.

    Raises:
        UsageError: a perplexity below 1, or too large for N.
        DataError: too few points or features, NaN, or points that are all the same.
    """
    _check(features, perplexity)
    threads = threads or system.available_cores()
    found = knn(features, _n_neighbors(perplexity), threads=threads, progress=progress)
    attraction = Attraction.from_neighbors(found, perplexity, threads)
    with ThreadPoolExecutor(threads) as pool:
        positions = _gradient_descent(_pca_init(features, seed), attraction, phases, pool, progress)
    return Embedding(positions.astype(np.float32), features, perplexity)


def _check(features: Floats, perplexity: float) -> None:
    if features.ndim != 2 or features.shape[1] < 2 or len(features) < MIN_POINTS:
        raise DataError(
            f"a map is made of {MIN_POINTS} points or more with 2 features or more each, and got the shape "
            f"{features.shape}. Give more pictures."
        )
    most = max_perplexity(len(features))
    if not 1 <= perplexity <= most:
        raise UsageError(
            f"the perplexity {perplexity:g} does not suit {len(features)} pictures; 1 to {most:g} can be taken "
            f"(a third of the others at most). Give another, or more pictures."
        )
    if not np.isfinite(features).all():
        raise DataError("the features hold NaN or infinity, which have no place on a map. Repair or remove them.")
    if (features == features[0]).all():
        raise DataError(f"all {len(features)} points are the same: there is nothing to map. Check the data.")


def _n_neighbors(perplexity: float) -> int:
    return max(1, int(NEIGHBORS_PER_PERPLEXITY * perplexity))


def _pca_init(features: Floats, seed: int) -> Doubles:
    """The first two principal axes, tiny: the map keeps the large shape that they have."""
    centred = features - features.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    start = centred @ axes
    start *= INITIAL_STD / start[:, 0].std()
    return np.asarray(start + np.random.default_rng(seed).normal(0, JITTER * INITIAL_STD, start.shape))


def _gradient_descent(
    start: Doubles, attraction: Attraction, phases: Sequence[Phase], pool: ThreadPoolExecutor, progress: Progress
) -> Doubles:
    """Gradient descent on the Kullback-Leibler divergence, with momentum and a gain for each coordinate."""
    positions, moved, gains = start, np.zeros_like(start), np.ones_like(start)
    total, done = sum(phase.n_iter for phase in phases), 0
    for phase in phases:
        rate = len(start) / phase.exaggeration  # Belkina et al. 2019; a factor of 4 is in the gradient's definition
        for _ in range(phase.n_iter):
            gradient = _gradient(positions, attraction, phase.exaggeration, pool)
            turned = np.sign(moved) != np.sign(gradient)
            gains = np.where(turned, gains + GAIN_UP, gains * GAIN_DOWN + MIN_GAIN)
            moved = _clip_steps(MOMENTUM * moved - rate * gains * gradient)
            positions = positions + moved
            positions -= positions.mean(axis=0)
            done += 1
            progress(TASK, done, total)
    return positions


def _gradient(positions: Doubles, attraction: Attraction, exaggeration: float, pool: ThreadPoolExecutor) -> Doubles:
    """Of the divergence, (N, 2): the attraction's slices fill the time beside the repulsion."""
    repulsion = pool.submit(_repulsive_gradient, positions)
    bounds = np.linspace(0, len(positions), ATTRACTION_CHUNKS + 1).astype(int).tolist()
    rows = [slice(first, last) for first, last in pairwise(bounds)]
    drawn = np.concatenate(list(pool.map(lambda part: attraction.gradient(positions, part), rows)))
    return np.asarray(exaggeration * drawn - repulsion.result())


def _repulsive_gradient(positions: Doubles) -> Doubles:
    """sum_j q_ij^2 (y_i - y_j) / Z: half the slope of the potential, downhill."""
    potential, slope = PotentialGrid.from_points(positions).evaluate(positions)
    return np.asarray(slope / (-2 * (potential.sum() - len(positions))))


def _clip_steps(steps: Doubles) -> Doubles:
    """Steps of the longest length at most, in their directions."""
    lengths = np.sqrt(np.einsum("nd,nd->n", steps, steps))
    return np.asarray(steps * (MAX_STEP / np.maximum(lengths, MAX_STEP))[:, np.newaxis])


def _attractive_gradient_at(positions: Doubles, anchors: Doubles, weights: Doubles) -> Doubles:
    """The attraction on M points by their k ``anchors`` on the map, (M, k, 2)."""
    apart = positions[:, np.newaxis] - anchors
    pulls = weights / (1 + np.einsum("mkd,mkd->mk", apart, apart))
    return np.asarray(np.einsum("mk,mkd->md", pulls, apart))


def _repulsive_gradient_at(potential_grid: PotentialGrid, positions: Doubles) -> Doubles:
    """The repulsion on M points by the whole map; each point has a normalisation of its own."""
    potential, slope = potential_grid.evaluate(positions)
    return np.asarray(slope / (-2 * potential[:, np.newaxis]))
