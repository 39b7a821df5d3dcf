"""Time and quality of our t-SNE map against openTSNE and the reference study's setting: ``make benchmark-map``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from openTSNE import TSNE
from sklearn import manifold

from benchmarks.results import BenchmarkResult, mean_and_range, run_benchmark
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
OURS, BASELINE, TWO_COMPONENTS = "clothier", "openTSNE", "two principal components"
REFERENCE = "the reference study's setting"
REFERENCE_IMAGES = 5_000  # the first of the training images, raw pixels
REFERENCE_FIT_IMAGES = 4_000  # of those, what k-NN is fitted on
REFERENCE_DIMENSIONS = 3  # it plotted the first two


def benchmark_map(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Maps all 70,000 images by our t-SNE and by openTSNE's defaults, interleaved, from the same 50 components.

    openTSNE gets every core, although its default is one. Every round has its own seed. The reference study's setting
    runs once.

    Args:
        rounds: number of maps of each variant.
        progress: called for every map.

    Raises:
        DataError: Fashion-MNIST is missing.
    """
    dataset = load_fashion_mnist(progress=progress)
    map_rows, map_ratio = _map_rows(dataset, rounds, progress)
    rows = [*map_rows, _reference_row(dataset.train, progress)]
    return BenchmarkResult("map", rows, {"map/opentsne": map_ratio})


def _map_rows(dataset: Dataset, rounds: int, progress: Progress) -> tuple[list[dict[str, Any]], float]:
    combined = CombinedSplits.from_dataset(dataset)
    features = fit_pca(dataset.train.images, N_COMPONENTS).transform(combined.images)
    maps: dict[str, list[Floats]] = {OURS: [], BASELINE: [], TWO_COMPONENTS: []}
    cores = system.available_cores()
    variants: dict[str, Callable[[int], object]] = {
        OURS: lambda seed: maps[OURS].append(tsne(features, perplexity=PERPLEXITY, seed=seed).positions),
        BASELINE: lambda seed: maps[BASELINE].append(np.asarray(TSNE(n_jobs=cores, random_state=seed).fit(features))),
        TWO_COMPONENTS: lambda _: maps[TWO_COMPONENTS].append(
            fit_pca(dataset.train.images, 2).transform(combined.images)
        ),
    }
    timings = time_interleaved(variants, rounds, task="maps", progress=progress)
    qualities = {
        name: [map_quality(one.astype(np.float32), features, combined.labels, combined.n_train) for one in found]
        for name, found in maps.items()
    }
    rows = [timings.row(name, **_mean_quality(found)) for name, found in qualities.items()]
    return rows, timings.ratio(OURS, BASELINE)


def _reference_row(train: LabeledImages, progress: Progress) -> dict[str, Any]:
    """Three dimensions of 5,000 raw images; quality of the two that the study plotted."""
    pixels = (train.images[:REFERENCE_IMAGES].reshape(REFERENCE_IMAGES, -1) / 255).astype(np.float32)
    maps: list[Floats] = []
    baseline = manifold.TSNE(REFERENCE_DIMENSIONS, perplexity=30, random_state=0, n_jobs=system.available_cores())
    variants = {REFERENCE: lambda _: maps.append(baseline.fit_transform(pixels))}
    timings = time_interleaved(variants, 1, task=REFERENCE, progress=progress)
    quality = map_quality(maps[0][:, :2], pixels, train.labels[:REFERENCE_IMAGES], REFERENCE_FIT_IMAGES)
    return timings.row(REFERENCE, **_mean_quality([quality]))


def _mean_quality(qualities: Sequence[MapQuality]) -> dict[str, Any]:
    """Mean and range of each metric; ``accuracy`` is that of ten neighbors."""
    row: dict[str, Any] = {"points": qualities[0].n}
    for name in ("knn10", "knn100", "trustworthiness"):
        row |= mean_and_range(name, [getattr(one, name) for one in qualities])
    return {**row, "accuracy": row["knn10"]}


if __name__ == "__main__":
    run_benchmark("map", benchmark_map, __doc__)
