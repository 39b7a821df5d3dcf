"""How long training takes, beside the study, beside others, and beside what the machine can do: ``benchmark training``.

Every training runs in a process of its own, so that ours leaves the rivals PyTorch's default allocator.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.baselines import TimedRun, boosted_trees, study_cnn, svm_on_pca, tutorial_cnn
from benchmarks.isolation import run_in_subprocess
from benchmarks.results import BenchmarkResult, run_benchmark
from benchmarks.throughput import matmul_throughput, training_flops
from benchmarks.timing import Timings
from clothier import recipes
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import evaluate_classifier
from clothier.training.device import select_device
from clothier.training.networks import build_network, count_parameters
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit, init_state
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clothier.data.dataset import Dataset
    from clothier.recipes import Recipe
    from clothier.types import Progress

    TrainFunction = Callable[[Dataset, int], TimedRun]
    TimedRuns = Mapping[str, Sequence[TimedRun]]

ROUNDS = 5
STUDY, FAST, SPRINT = "study", "cnn fast", "cnn sprint"
AVX2_ENV = {"ONEDNN_MAX_CPU_ISA": "AVX2"}  # stands for a machine without AVX-512 and AMX
AVX2_NAME = "{}, AVX2 only"


@dataclass(frozen=True, slots=True)
class Target:
    """An accuracy on test, as a mean over the rounds, that makes a time worth telling.

    Attributes:
        ratio: the name of the ratio that is told when it is reached.
        variant: who is to reach it.
        metric: ``accuracy`` or ``accuracy_tta``.
        accuracy: 0 to 1.
    """

    ratio: str
    variant: str
    metric: str
    accuracy: float


TARGETS = (
    Target("time_to_94/study", FAST, "accuracy_tta", 0.94),
    Target("time_to_89.7/study", SPRINT, "accuracy", 0.897),  # what the study's own run reached
)


def benchmark_training(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Trains in turns, each round with a seed of its own; then the slow rivals and narrow instructions, once each.

    Ours train on all 60,000 images, their epochs fixed beforehand; test is read after each training. The study keeps
    its own split. Nobody's evaluation is timed, and a time to an accuracy is told only where it was reached.

    Args:
        rounds: how often each side trains.
        progress: told of every training.

    Raises:
        DataError: Fashion-MNIST cannot be had.
    """
    dataset = load_fashion_mnist(progress=progress)
    ours = {f"cnn {name}": partial(train_timed, recipes.preset("cnn", name)) for name in ("fast", "sprint")}
    racers: dict[str, TrainFunction] = {STUDY: study_cnn, **ours}
    every_round: dict[str, TrainFunction] = {**racers, "tutorial CNN": tutorial_cnn}
    once: dict[str, TrainFunction] = {"boosted trees": boosted_trees, "SVM on PCA": svm_on_pca}
    plan: list[tuple[str, int, TrainFunction, dict[str, str]]] = [
        (name, seed, side, {}) for seed in range(rounds) for name, side in every_round.items()
    ]
    plan += [(name, 0, side, {}) for name, side in once.items()]
    plan += [(AVX2_NAME.format(name), 0, side, AVX2_ENV) for name, side in racers.items()]
    laps: dict[str, list[TimedRun]] = {}
    for done, (name, seed, side, environment) in enumerate(plan):
        progress("training", done, len(plan), name)
        laps.setdefault(name, []).append(run_in_subprocess(side, dataset, seed, environment=environment))
    progress("training", len(plan), len(plan))
    return _summarize(laps)


def train_timed(recipe: Recipe, dataset: Dataset, seed: int) -> TimedRun:
    """One of our recipes over all training images, fitting the network to them included; and the machine's limit."""
    device = select_device(recipe.precision)
    limit = [matmul_throughput(device)]
    started = time.perf_counter()
    network = build_network(recipe.network, dataset.train.images, len(dataset.classes), seed)
    training = init_state(network, recipe, device)
    for _ in fit(network, dataset.train, None, recipe, seed=seed, device=device, state=training):
        pass
    seconds = time.perf_counter() - started
    limit.append(matmul_throughput(device))
    found, _ = evaluate_classifier(TorchClassifier(network.cpu(), dataset.classes), dataset.test, recipe.augment)
    flops = training.steps * training_flops(network, dataset.train.images[: recipe.batch_size])
    parameters = count_parameters(network)
    return TimedRun(seconds, found.accuracy, found.accuracy_tta, parameters, flops / seconds, statistics.mean(limit))


def _summarize(runs: TimedRuns) -> BenchmarkResult:
    turns = Timings({name: [lap.seconds for lap in made] for name, made in runs.items()})
    rows = [turns.row(name, **_metrics(made)) for name, made in runs.items()]
    goals = [
        {
            "name": goal.ratio,
            "figure": goal.metric,
            "wanted": goal.accuracy,
            "reached": _mean(runs[goal.variant], goal.metric),
        }
        for goal in TARGETS
    ]
    ratios = {}
    for goal in TARGETS:
        for side, rival, name in _comparisons(goal):
            if (_mean(runs[side], goal.metric) or 0) >= goal.accuracy:
                ratios[name] = turns.ratio(side, rival)
    shares = [lap.flops / lap.peak for lap in runs[FAST] if lap.flops and lap.peak]
    return BenchmarkResult("training", rows, {**ratios, "flops/peak": statistics.median(shares)}, goals)


def _comparisons(target: Target) -> list[tuple[str, str, str]]:
    """Ours, the study, and the ratio's name: as the machine is, and with narrow instructions."""
    wide = (target.variant, STUDY, target.ratio)
    return [wide, (AVX2_NAME.format(target.variant), AVX2_NAME.format(STUDY), AVX2_NAME.format(target.ratio))]


def _metrics(runs: Sequence[TimedRun]) -> dict[str, Any]:
    """Means over the rounds, and the spread of the accuracy."""
    accuracies = [lap.accuracy for lap in runs]
    names = ("accuracy", "accuracy_tta", "flops", "peak")
    return {
        **{name: _mean(runs, name) for name in names},
        "accuracy_min": min(accuracies),
        "accuracy_max": max(accuracies),
        "parameters": runs[0].parameters,
    }


def _mean(runs: Sequence[TimedRun], metric: str) -> float | None:
    values = [getattr(lap, metric) for lap in runs]
    return None if None in values else statistics.mean(values)


if __name__ == "__main__":
    run_benchmark("training", benchmark_training, __doc__)
