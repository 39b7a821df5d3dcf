"""How quickly models answer, beside plain PyTorch: ``benchmark inference``."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.eager import eager, load_network, recipe_from_card, torch_threads
from benchmarks.results import BenchmarkResult, run_benchmark
from benchmarks.timing import time_interleaved
from clothier import bundle, recipes, system
from clothier.data.sources import load_fashion_mnist
from clothier.inference.session import OnnxClassifier
from clothier.training.export.graph import to_onnx
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
BATCH = 256  # pictures of a pass when many wait
CALLS = {1: 100, BATCH: 5}  # passes a turn, by the pictures of a pass: under a second either way
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
        bundled_variant: the side whose arithmetic the bundle inside the package has; None for a model that does not ship.
        accuracy_data: name of a figure to the pictures that it is taken on; empty for a model that is not trained.
    """

    name: str
    variants: Mapping[str, RunFunction]
    bundled_variant: str | None
    accuracy_data: Mapping[str, LabeledImages]


def benchmark_inference(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Times one picture at a time, and batches of 256, by every side in turns; each side has every core.

    The sides: eager PyTorch as a reader of the study would run it, the exported graph in float32, and in int8. All
    start from the same bytes. The study's CNN has its first weights, which are as quick as trained ones; for the
    models that ship, every side's accuracy stands beside its time. A ratio of a ``latency`` is of seconds: below 1 ours
    is quicker; of a ``rate`` of pictures a second: above 1 ours is.

    Args:
        rounds: how often each side has its turn.
        progress: told of every turn.

    Raises:
        DataError: Fashion-MNIST cannot be had.
        ModelError: a model that ships is missing or damaged.
    """
    dataset = load_fashion_mnist(progress=progress)
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    with torch_threads(system.available_cores()):
        for contender in (_study(dataset), *(_bundled(name, dataset) for name in BUNDLED_MODELS)):
            accuracies = {side: _accuracies(run, contender.accuracy_data) for side, run in contender.variants.items()}
            for batch in CALLS:
                turns = _time_variants(contender, dataset.test.images[:batch], rounds, progress)
                rows += [_row(contender, side, batch, turns, accuracies[side]) for side in contender.variants]
                ratios |= _ratios(contender, batch, turns)
    return BenchmarkResult("inference", rows, ratios)


def _study(dataset: Dataset) -> Candidate:
    """The study's CNN. In eight bits it is no quicker than in float32 (docs/log.md), so it has two sides."""
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
    """A model of the package, on its own weights; int8 is the bundle's own graph, or made as the bundle's would be."""
    made = bundle.resolve(name)
    card, graph = made.metadata, made.graph.read_bytes()
    network = load_network(made, dataset.train.images)
    float32 = to_onnx(network, card.input_spec)
    learnt, validation = split(dataset, recipe_from_card(card))
    ships = INT8 if is_quantized(graph) else FLOAT32  # float16 is how weights are stored; they are used in float32
    int8 = graph if ships == INT8 else quantize_graph(float32, calibration_sample(learnt.images))
    sides = {EAGER: eager(network), FLOAT32: _onnx_function(card, float32), INT8: _onnx_function(card, int8)}
    return Candidate(card.name, sides, ships, {"accuracy": dataset.test, "validation_accuracy": validation})


def _onnx_function(card: bundle.BundleMetadata, graph: bytes) -> RunFunction:
    """The graph as a user runs it: out of a bundle, by all cores."""
    with tempfile.TemporaryDirectory() as folder:
        classifier = OnnxClassifier(bundle.save(Path(folder) / card.name, card, graph, b""))
    return lambda images: classifier.run(images).logits


def _accuracies(run: RunFunction, datasets: Mapping[str, LabeledImages]) -> dict[str, float]:
    """Share of right answers to each of ``datasets``."""
    return {name: float((_predict_classes(run, data.images) == data.labels).mean()) for name, data in datasets.items()}


def _predict_classes(run: RunFunction, images: Images) -> Labels:
    """(N,) the likeliest class of each picture."""
    parts = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
    return np.concatenate([run(part).argmax(1) for part in parts])


def _time_variants(candidate: Candidate, images: Images, rounds: int, progress: Progress) -> Timings:
    sides = {name: partial(_call, run, images) for name, run in candidate.variants.items()}
    task = f"{candidate.name}, {_batch_label(len(images))}"
    return time_interleaved(sides, rounds, warm_up=True, calls=CALLS[len(images)], task=task, progress=progress)


def _call(run: RunFunction, images: Images, _: int) -> None:
    run(images)


def _row(
    candidate: Candidate, variant: str, batch: int, timings: Timings, accuracies: Mapping[str, float]
) -> dict[str, Any]:
    """Milliseconds for one picture, or pictures a second for a batch."""
    taken = timings.seconds[variant]
    values, unit = ([1e3 * one for one in taken], "ms") if batch == 1 else ([batch / one for one in taken], "images/s")
    return {
        "name": f"{candidate.name}, {TITLES[variant]}, {_batch_label(batch)}",
        "n": len(values),
        "min": min(values),
        "median": statistics.median(values),
        "max": max(values),
        "unit": unit,
        "accuracy": None,
        **accuracies,
        "calls": CALLS[batch],
        "threads": system.available_cores(),
        "ships": variant == candidate.bundled_variant,
    }


def _ratios(candidate: Candidate, batch: int, timings: Timings) -> dict[str, float]:
    """Ours by PyTorch's, and int8 by float32."""
    pairs = [(FLOAT32, EAGER), (INT8, EAGER), (INT8, FLOAT32)]
    raced = [pair for pair in pairs if candidate.variants.keys() >= set(pair)]
    if batch == 1:
        return {f"{candidate.name} {ours} latency/{rival}": timings.ratio(ours, rival) for ours, rival in raced}
    return {f"{candidate.name} {ours} rate/{rival}": timings.ratio(rival, ours) for ours, rival in raced}


def _batch_label(batch: int) -> str:
    return "1 picture" if batch == 1 else f"{batch} pictures"


if __name__ == "__main__":
    run_benchmark("inference", benchmark_inference, __doc__)
