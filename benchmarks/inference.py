"""Latency and throughput of our models against plain PyTorch: ``make benchmark-inference``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.eager import eager, load_network, recipe_from_card, torch_threads
from benchmarks.results import BenchmarkResult, run_benchmark, summarize
from benchmarks.timing import time_interleaved
from clothier import bundle, recipes, system
from clothier.data.sources import load_fashion_mnist
from clothier.inference.session import OnnxClassifier
from clothier.training.export.bundle_export import to_onnx
from clothier.training.export.int8 import calibration_sample, is_quantized, quantize_graph
from clothier.training.networks import build_network, count_parameters
from clothier.training.prepared_training import split
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.timing import Timings
    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.types import Floats, Images, Labels, Progress

    RunFunction = Callable[[Images], Floats]

ROUNDS = 5
BATCH = 256  # images per call when throughput is measured
CALLS = {1: 100, BATCH: 5}  # calls per round, by images per call: under a second either way
BUNDLED_MODELS = ("fashion-cnn", "fashion-dnn")
STUDY = "study-cnn"
EAGER, FLOAT32, INT8 = "torch", "float32", "int8"
TITLES = {EAGER: "eager torch", FLOAT32: "ONNX Runtime, float32", INT8: "ONNX Runtime, int8"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model and the ways to run it.

    Attributes:
        name: what rows and ratios call it.
        variants: how it can be run, by :data:`TITLES`.
        bundled_variant: the variant in the package; None for a model that is not bundled.
        accuracy_data: name of a metric to the images it is measured on; empty for a model that is not trained.
    """

    name: str
    variants: Mapping[str, RunFunction]
    bundled_variant: str | None
    accuracy_data: Mapping[str, LabeledImages]


def benchmark_inference(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Times single images and batches of 256 in every variant, interleaved; each variant has every core.

    The variants: eager PyTorch as a reader of the study would run it, the exported graph in float32, and in int8. All
    start from the same bytes. The study's CNN has its initial weights, which take as long as trained ones; the bundled
    models also have the accuracy of every variant. A ``latency`` ratio is of seconds: below 1 ours is faster; a
    ``rate`` ratio is of images per second: above 1 ours is faster.

    Args:
        rounds: number of rounds.
        progress: called for every variant of every round.

    Raises:
        DataError: Fashion-MNIST is missing.
        ModelError: a bundled model is missing or damaged.
    """
    dataset = load_fashion_mnist(progress=progress)
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    with torch_threads(system.available_cores()):
        for candidate in (_study_cnn(dataset), *(_bundled(name, dataset) for name in BUNDLED_MODELS)):
            accuracies = {name: _accuracies(run, candidate.accuracy_data) for name, run in candidate.variants.items()}
            for batch in CALLS:
                timings = _time_variants(candidate, dataset.test.images[:batch], rounds, progress)
                rows += [_row(candidate, name, batch, timings, accuracies[name]) for name in candidate.variants]
                ratios |= _ratios(candidate, batch, timings)
    return BenchmarkResult("inference", rows, ratios)


def _study_cnn(dataset: Dataset) -> Candidate:
    """The study's CNN. Its int8 graph is no faster than float32 (docs/log.md), so it has two variants."""
    recipe = recipes.preset("cnn", "classic")
    network = build_network(recipe.network, dataset.train.images, len(dataset.classes), seed=0)
    card = bundle.BundleMetadata(
        name=STUDY,
        model=recipe.model,
        preset=recipe.preset,
        classes=dataset.classes,
        parameters=count_parameters(network),
        data={},
        clothier_version=version("clothier"),
    )
    return Candidate(
        STUDY, {EAGER: eager(network), FLOAT32: _onnx_function(card, to_onnx(network, card.input_spec))}, None, {}
    )


def _bundled(name: str, dataset: Dataset) -> Candidate:
    """A bundled model; int8 is the bundle's own graph, or quantized in the same way."""
    found = bundle.resolve(name)
    card, graph = found.metadata, found.graph.read_bytes()
    network = load_network(found, dataset.train.images)
    float32 = to_onnx(network, card.input_spec)
    train, validation = split(dataset, recipe_from_card(card))
    bundled = INT8 if is_quantized(graph) else FLOAT32  # weights stored as float16 are used in float32
    int8 = graph if bundled == INT8 else quantize_graph(float32, calibration_sample(train.images))
    variants = {EAGER: eager(network), FLOAT32: _onnx_function(card, float32), INT8: _onnx_function(card, int8)}
    return Candidate(card.name, variants, bundled, {"accuracy": dataset.test, "validation_accuracy": validation})


def _onnx_function(card: bundle.BundleMetadata, graph: bytes) -> RunFunction:
    """The graph as a user runs it: from a bundle, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        classifier = OnnxClassifier(bundle.save(Path(folder) / card.name, card, graph, b""))
    return lambda images: classifier.run(images).logits


def _accuracies(run: RunFunction, datasets: Mapping[str, LabeledImages]) -> dict[str, float]:
    """Accuracy on each of ``datasets``."""
    return {name: float((_predict_classes(run, data.images) == data.labels).mean()) for name, data in datasets.items()}


def _predict_classes(run: RunFunction, images: Images) -> Labels:
    """(N,) the most probable class of each image."""
    parts = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    return np.concatenate([run(part).argmax(1) for part in parts])


def _time_variants(candidate: Candidate, images: Images, rounds: int, progress: Progress) -> Timings:
    variants = {name: partial(_call, run, images) for name, run in candidate.variants.items()}
    task = f"{candidate.name}, {_batch_label(len(images))}"
    return time_interleaved(variants, rounds, warm_up=True, calls=CALLS[len(images)], task=task, progress=progress)


def _call(run: RunFunction, images: Images, _: int) -> None:
    run(images)


def _row(
    candidate: Candidate, variant: str, batch: int, timings: Timings, accuracies: Mapping[str, float]
) -> dict[str, Any]:
    """Milliseconds for one image, or images per second for a batch."""
    taken = timings.seconds[variant]
    values, unit = ([1e3 * one for one in taken], "ms") if batch == 1 else ([batch / one for one in taken], "images/s")
    return {
        "name": f"{candidate.name}, {TITLES[variant]}, {_batch_label(batch)}",
        **summarize(values, unit),
        "accuracy": None,
        **accuracies,
        "calls": CALLS[batch],
        "threads": system.available_cores(),
        "bundled": variant == candidate.bundled_variant,
    }


def _ratios(candidate: Candidate, batch: int, timings: Timings) -> dict[str, float]:
    """Ours / PyTorch, and int8 / float32."""
    pairs = [(FLOAT32, EAGER), (INT8, EAGER), (INT8, FLOAT32)]
    compared = [pair for pair in pairs if candidate.variants.keys() >= set(pair)]
    if batch == 1:
        return {f"{candidate.name} {ours} latency/{other}": timings.ratio(ours, other) for ours, other in compared}
    return {f"{candidate.name} {ours} rate/{other}": timings.ratio(other, ours) for ours, other in compared}


def _batch_label(batch: int) -> str:
    return "1 image" if batch == 1 else f"{batch} images"


if __name__ == "__main__":
    run_benchmark("inference", benchmark_inference, __doc__)
