"""How long training takes, beside the study, beside others, and beside what the machine can do: ``benchmark training``.

Every training runs in a process of its own, so that ours leaves the rivals PyTorch's default allocator.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.baselines import Lap, boosted_trees, study_cnn, svm_on_pca, tutorial_cnn
from benchmarks.isolation import alone
from benchmarks.results import BenchmarkResult, run_benchmark
from benchmarks.throughput import matmul_rate, training_flops
from benchmarks.timing import Turns
from clothier import recipes
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import measure
from clothier.training.device import choose
from clothier.training.networks import build, count_parameters
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import begin, fit
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clothier.data.dataset import Dataset
    from clothier.recipes import Recipe
    from clothier.types import Progress

    Side = Callable[[Dataset, int], Lap]
    Laps = Mapping[str, Sequence[Lap]]

ROUNDS = 5
STUDY, FAST, SPRINT = "study", "cnn fast", "cnn sprint"
NARROW = {"ONEDNN_MAX_CPU_ISA": "AVX2"}  # stands for a machine without AVX-512 and AMX
NARROWLY = "{}, AVX2 only"


@dataclass(frozen=True, slots=True)
class Goal:
    """An accuracy on test, as a mean over the rounds, that makes a time worth telling.

    Attributes:
        ratio: the name of the ratio that is told when it is reached.
        side: who is to reach it.
        figure: ``accuracy`` or ``accuracy_tta``.
        wanted: 0 to 1.
    """

    ratio: str
    side: str
    figure: str
    wanted: float


GOALS = (
    Goal("time_to_94/study", FAST, "accuracy_tta", 0.94),
    Goal("time_to_89.7/study", SPRINT, "accuracy", 0.897),  # what the study's own run reached
)


def benchmark_training(*, rounds: int = ROUNDS, progress: Progress = silent) -> BenchmarkResult:
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
    ours = {f"cnn {name}": partial(our_lap, recipes.preset("cnn", name)) for name in ("fast", "sprint")}
    racers: dict[str, Side] = {STUDY: study_cnn, **ours}
    every_round: dict[str, Side] = {**racers, "tutorial CNN": tutorial_cnn}
    once: dict[str, Side] = {"boosted trees": boosted_trees, "SVM on PCA": svm_on_pca}
    plan: list[tuple[str, int, Side, dict[str, str]]] = [
        (name, seed, side, {}) for seed in range(rounds) for name, side in every_round.items()
    ]
    plan += [(name, 0, side, {}) for name, side in once.items()]
    plan += [(NARROWLY.format(name), 0, side, NARROW) for name, side in racers.items()]
    laps: dict[str, list[Lap]] = {}
    for done, (name, seed, side, environment) in enumerate(plan):
        progress("training", done, len(plan), name)
        laps.setdefault(name, []).append(alone(side, dataset, seed, environment=environment))
    progress("training", len(plan), len(plan))
    return _judged(laps)


def our_lap(recipe: Recipe, dataset: Dataset, seed: int) -> Lap:
    """One of our recipes over all training images, fitting the network to them included; and the machine's limit."""
    device = choose(recipe.precision)
    limit = [matmul_rate(device)]
    started = time.perf_counter()
    network = build(recipe.network, dataset.train.images, len(dataset.classes), seed)
    training = begin(network, recipe, device)
    for _ in fit(network, dataset.train, None, recipe, seed=seed, device=device, training=training):
        pass
    seconds = time.perf_counter() - started
    limit.append(matmul_rate(device))
    found = measure(TorchClassifier(network.cpu(), dataset.classes), dataset.test, recipe.augment)
    flops = training.steps * training_flops(network, dataset.train.images[: recipe.batch_size])
    parameters = count_parameters(network)
    return Lap(seconds, found.accuracy, found.accuracy_tta, parameters, flops / seconds, statistics.mean(limit))


def _judged(laps: Laps) -> BenchmarkResult:
    turns = Turns({name: [lap.seconds for lap in made] for name, made in laps.items()})
    rows = [turns.row(name, **_figures(made)) for name, made in laps.items()]
    goals = [
        {
            "name": goal.ratio,
            "figure": goal.figure,
            "wanted": goal.wanted,
            "reached": _mean(laps[goal.side], goal.figure),
        }
        for goal in GOALS
    ]
    ratios = {}
    for goal in GOALS:
        for side, rival, name in _pairs(goal):
            if (_mean(laps[side], goal.figure) or 0) >= goal.wanted:
                ratios[name] = turns.ratio(side, rival)
    shares = [lap.flops / lap.peak for lap in laps[FAST] if lap.flops and lap.peak]
    return BenchmarkResult("training", rows, {**ratios, "flops/peak": statistics.median(shares)}, goals)


def _pairs(goal: Goal) -> list[tuple[str, str, str]]:
    """Ours, the study, and the ratio's name: as the machine is, and with narrow instructions."""
    wide = (goal.side, STUDY, goal.ratio)
    return [wide, (NARROWLY.format(goal.side), NARROWLY.format(STUDY), NARROWLY.format(goal.ratio))]


def _figures(made: Sequence[Lap]) -> dict[str, Any]:
    """Means over the rounds, and the spread of the accuracy."""
    accuracies = [lap.accuracy for lap in made]
    names = ("accuracy", "accuracy_tta", "flops", "peak")
    return {
        **{name: _mean(made, name) for name in names},
        "accuracy_min": min(accuracies),
        "accuracy_max": max(accuracies),
        "parameters": made[0].parameters,
    }


def _mean(made: Sequence[Lap], figure: str) -> float | None:
    values = [getattr(lap, figure) for lap in made]
    return None if None in values else statistics.mean(values)


if __name__ == "__main__":
    run_benchmark("training", benchmark_training, __doc__)
