"""Training time of our presets against the study, other baselines and the machine's limit: ``make benchmark-training``.

Every training runs in a process of its own, so that the baselines keep PyTorch's default allocator.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.baselines import TimedRun, boosted_trees, study_cnn, svm_on_pca, tutorial_cnn
from benchmarks.results import BenchmarkResult, mean_and_range, mean_or_none, run_benchmark
from benchmarks.throughput import matmul_throughput, training_flops
from benchmarks.timing import AVX2_ENV, AVX2_NAME, Timings, run_in_subprocess
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


@dataclass(frozen=True, slots=True)
class Target:
    """A mean test accuracy over the rounds, without which a time is not reported.

    Attributes:
        ratio: name of the ratio that is reported when it is reached.
        variant: what should reach it.
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
    """Trains interleaved, each round with its own seed; then the slow baselines and AVX2 only, once each.

    Ours train on all 60,000 images with epochs fixed beforehand; the test set is read after each training. The study
    keeps its own split. Evaluation is not timed, and a time to an accuracy is reported only if it was reached.

    Args:
        rounds: number of trainings of each variant.
        progress: called for every training.

    Raises:
        DataError: Fashion-MNIST is missing.
    """
    dataset = load_fashion_mnist(progress=progress)
    ours = {f"cnn {name}": partial(train_timed, recipes.preset("cnn", name)) for name in ("fast", "sprint")}
    compared: dict[str, TrainFunction] = {STUDY: study_cnn, **ours}
    every_round: dict[str, TrainFunction] = {**compared, "tutorial CNN": tutorial_cnn}
    once: dict[str, TrainFunction] = {"boosted trees": boosted_trees, "SVM on PCA": svm_on_pca}
    plan: list[tuple[str, int, TrainFunction, dict[str, str]]] = [
        (name, seed, variant, {}) for seed in range(rounds) for name, variant in every_round.items()
    ]
    plan += [(name, 0, variant, {}) for name, variant in once.items()]
    plan += [(AVX2_NAME.format(name), 0, variant, AVX2_ENV) for name, variant in compared.items()]
    runs: dict[str, list[TimedRun]] = {}
    for done, (name, seed, variant, environment) in enumerate(plan):
        progress("training", done, len(plan), name)
        runs.setdefault(name, []).append(run_in_subprocess(variant, dataset, seed, environment=environment))
    progress("training", len(plan), len(plan))
    return _summarize(runs)


def train_timed(recipe: Recipe, dataset: Dataset, seed: int) -> TimedRun:
    """One of our recipes on all training images, whitening included; and the machine's limit."""
    device = select_device(recipe.precision)
    limit = [matmul_throughput(device)]
    started = time.perf_counter()
    network = build_network(recipe.network, dataset.train.images, len(dataset.classes), seed)
    state = init_state(network, recipe, device)
    for _ in fit(network, dataset.train, None, recipe, seed=seed, device=device, state=state):
        pass
    seconds = time.perf_counter() - started
    limit.append(matmul_throughput(device))
    evaluation, _ = evaluate_classifier(TorchClassifier(network.cpu(), dataset.classes), dataset.test, recipe.augment)
    flops = state.steps * training_flops(network, dataset.train.images[: recipe.batch_size])
    parameters = count_parameters(network)
    return TimedRun(
        seconds, evaluation.accuracy, evaluation.accuracy_tta, parameters, flops / seconds, statistics.mean(limit)
    )


def _summarize(runs: TimedRuns) -> BenchmarkResult:
    timings = Timings({name: [one.seconds for one in found] for name, found in runs.items()})
    rows = [timings.row(name, **_metrics(found)) for name, found in runs.items()]
    targets, ratios = [], {}
    for target in TARGETS:
        reached = _mean(runs[target.variant], target.metric)
        named = {"name": target.ratio, "metric": target.metric, "accuracy": target.accuracy}
        targets.append({**named, "reached": reached})
        for variant, baseline, name in _comparisons(target):
            if (_mean(runs[variant], target.metric) or 0) >= target.accuracy:
                ratios[name] = timings.ratio(variant, baseline)
    utilization = [one.flops / one.peak for one in runs[FAST] if one.flops and one.peak]
    return BenchmarkResult("training", rows, {**ratios, "flops/peak": statistics.median(utilization)}, targets)


def _comparisons(target: Target) -> list[tuple[str, str, str]]:
    """Ours, the study and the name of the ratio: with all instructions, and with AVX2 only."""
    full = (target.variant, STUDY, target.ratio)
    return [full, (AVX2_NAME.format(target.variant), AVX2_NAME.format(STUDY), AVX2_NAME.format(target.ratio))]


def _metrics(runs: Sequence[TimedRun]) -> dict[str, Any]:
    """Means over the rounds, and the range of the accuracy."""
    return {
        **mean_and_range("accuracy", [one.accuracy for one in runs]),
        **{name: _mean(runs, name) for name in ("accuracy_tta", "flops", "peak")},
        "parameters": runs[0].parameters,
    }


def _mean(runs: Sequence[TimedRun], metric: str) -> float | None:
    return mean_or_none([getattr(one, metric) for one in runs])


if __name__ == "__main__":
    run_benchmark("training", benchmark_training, __doc__)
