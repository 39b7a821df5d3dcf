"""How fast and how good the map of the garments is, beside openTSNE's and the original study's: ``benchmark map``."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from openTSNE import TSNE
from sklearn import manifold

from benchmarks.results import BenchmarkResult, run_benchmark
from benchmarks.timing import time_interleaved
from clothier import system
from clothier.data.combined_splits import CombinedSplits
from clothier.data.sources import load_fashion_mnist
from clothier.exploration.embedding_map import N_COMPONENTS
from clothier.exploration.pca import fit_pca
from clothier.exploration.tsne.embedding import PERPLEXITY, tsne
from clothier.exploration.tsne.map_quality import map_quality
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Floats, Progress

ROUNDS = 3
OURS, BASELINE, REFERENCE, TWO_COMPONENTS = "clothier", "openTSNE", "the original's setting", "two principal components"
REFERENCE_IMAGES = 5_000  # the first of the training images, raw pixels
REFERENCE_FIT_IMAGES = 4_000  # of those, for the votes
REFERENCE_DIMENSIONS = 3  # of which it drew the first two


def benchmark_map(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Maps all 70,000 garments in turns, by our t-SNE and by openTSNE's own defaults, from the same 50 components.

    openTSNE is given every core, although its default is one. Every round has a seed of its own. Then, once, the
    original study's setting.

    Args:
        rounds: how often each map is made.
        progress: told of every turn.

    Raises:
        DataError: Fashion-MNIST cannot be had.
    """
    dataset = load_fashion_mnist(progress=progress)
    map_rows, map_ratio = _map_rows(dataset, rounds, progress)
    rows = [*map_rows, _reference_row(dataset.train, progress)]
    return BenchmarkResult("map", rows, {"map/opentsne": map_ratio})


def _map_rows(dataset: Dataset, rounds: int, progress: Progress) -> tuple[list[dict[str, Any]], float]:
    combined = CombinedSplits.from_dataset(dataset)
    features = fit_pca(dataset.train.images, N_COMPONENTS).transform(combined.images)
    made: dict[str, list[Floats]] = {OURS: [], BASELINE: [], TWO_COMPONENTS: []}
    cores = system.available_cores()
    sides: dict[str, Callable[[int], object]] = {
        OURS: lambda seed: made[OURS].append(tsne(features, perplexity=PERPLEXITY, seed=seed).positions),
        BASELINE: lambda seed: made[BASELINE].append(np.asarray(TSNE(n_jobs=cores, random_state=seed).fit(features))),
        TWO_COMPONENTS: lambda _: made[TWO_COMPONENTS].append(
            fit_pca(dataset.train.images, 2).transform(combined.images)
        ),
    }
    turns = time_interleaved(sides, rounds, task="maps", progress=progress)
    judged = {
        name: [map_quality(one.astype(np.float32), features, combined.labels, combined.n_train) for one in maps]
        for name, maps in made.items()
    }
    rows = [turns.row(name, **_mean_quality(found)) for name, found in judged.items()]
    return rows, turns.ratio(OURS, BASELINE)


def _reference_row(train: LabeledImages, progress: Progress) -> dict[str, Any]:
    """Three dimensions of 5,000 raw images, judged by the two that the original drew."""
    pixels = (train.images[:REFERENCE_IMAGES].reshape(REFERENCE_IMAGES, -1) / 255).astype(np.float32)
    made: list[Floats] = []
    baseline = manifold.TSNE(REFERENCE_DIMENSIONS, perplexity=30, random_state=0, n_jobs=system.available_cores())
    sides = {REFERENCE: lambda _: made.append(baseline.fit_transform(pixels))}
    turns = time_interleaved(sides, 1, task=REFERENCE, progress=progress)
    found = map_quality(made[0][:, :2], pixels, train.labels[:REFERENCE_IMAGES], REFERENCE_FIT_IMAGES)
    return turns.row(REFERENCE, **_mean_quality([found]))


def _mean_quality(qualities: Sequence[MapQuality]) -> dict[str, Any]:
    """Means of the maps' figures, and the lowest and highest of each; ``accuracy`` is that of ten neighbours."""
    figures: dict[str, Any] = {"points": qualities[0].n}
    for name in ("knn10", "knn100", "trustworthiness"):
        values = [getattr(one, name) for one in qualities]
        figures[name] = statistics.mean(values)
        figures[f"{name}_min"], figures[f"{name}_max"] = min(values), max(values)
    return {**figures, "accuracy": figures["knn10"]}


if __name__ == "__main__":
    run_benchmark("map", benchmark_map, __doc__)
