"""What each trick of our CNN recipes buys, in points and in seconds: everything stays but the one.

    python -m benchmarks.ablation       writes benchmarks/results/ablation.json

Accuracies come from whole trainings on all 60,000 images, side by side in processes of one thread each; test is read
after each. It takes an hour, so each row is kept as soon as it is there, and not trained again while its recipe is the
same; remove the file to begin anew. Seconds are the steps that a training takes, times the median step of a short one
on every core, in turns: they want a quiet machine, accuracies do not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from benchmarks.isolation import run_in_subprocess
from benchmarks.results import RESULTS_DIR, summarize, write_results
from clothier import recipes, system
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import evaluate_classifier
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit, init_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.data.dataset import Dataset
    from clothier.recipes import Recipe
    from clothier.training.networks import ImageClassifier

PRESETS = ("sprint", "fast")
ADAMW_LR = {"sprint": 0.016, "fast": 0.004}  # the best of six (sprint) and three rates on validation
TIMED_STEPS = 40
ROUNDS = 5
FULL_RECIPE = "the recipe"


@dataclass(frozen=True, slots=True)
class Variant:
    """A recipe without one of its tricks.

    Attributes:
        name: what is missing, or what stands in its place.
        recipe: what is left.
        trainable_stem: whether the stem's filters start from chance and are trained, in place of whitening.
    """

    name: str
    recipe: Recipe
    trainable_stem: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides its accuracy, but for the seed."""
        told = {"recipe": self.recipe.to_json(), "learnt_stem": self.trainable_stem}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def variants(preset: str) -> list[Variant]:
    """The recipe itself, then without each trick that it has."""
    whole = recipes.preset("cnn", preset)
    changed = partial(replace, whole)
    found = [
        Variant(FULL_RECIPE, whole),
        Variant("stem learnt, not whitened", whole, trainable_stem=True),
        Variant("AdamW for Muon", changed(optimizer=_adamw(ADAMW_LR[preset]))),
        Variant("no mirroring", changed(augment=replace(whole.augment, flip=False))),
        Variant("no shift", changed(augment=replace(whole.augment, shift=0))),
        Variant("no label smoothing", changed(label_smoothing=0.0)),
        Variant("batches twice as large", changed(batch_size=2 * whole.batch_size)),
    ]
    if whole.hard_example_mining.fraction < 1:
        worth = round(
            whole.hard_example_mining.start_epoch
            - 1
            + (whole.epochs - whole.hard_example_mining.start_epoch + 1) * whole.hard_example_mining.fraction
        )
        found.append(
            Variant(
                f"no focus, {worth} whole epochs",
                changed(hard_example_mining=recipes.HardExampleMining(), epochs=worth),
            )
        )
    return found


def _adamw(learning_rate: float) -> recipes.Optimizer:
    return recipes.Optimizer(
        kind="adamw", learning_rate=learning_rate, weight_decay=0.02, schedule="linear", warmup=0.1
    )


def main() -> None:
    """Trains every variant with every seed, then times their steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 on")
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / "ablation.json", help="where the figures go")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    plan = [(preset, variant) for preset in PRESETS for variant in variants(preset)]
    command = f"python -m benchmarks.ablation --seeds {options.seeds}"
    scores: list[dict[str, Any]] = []
    for row in _accuracy_rows(plan, dataset, options.seeds, _previous_rows(options.out)):
        scores.append(row)
        write_results(options.out, "ablation", command, scores)
    rows = [{**taken, **row} for taken, row in zip(_timing_rows(plan, dataset), scores, strict=True)]
    write_results(options.out, "ablation", command, rows)


def _previous_rows(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The accuracies of a file: recipe and number of seeds to the row, without its seconds."""
    if not path.is_file():
        return {}
    names = ("name", "recipe", "seeds", "accuracy", "accuracy_min", "accuracy_max", "accuracy_tta")
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return {(row["recipe"], row["seeds"]): {name: row[name] for name in names} for row in rows}


def _accuracy_rows(
    plan: list[tuple[str, Variant]], dataset: Dataset, seeds: int, previous: dict[tuple[str, int], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Accuracy of each variant on test: mean, lowest and highest of the seeds."""
    with ProcessPoolExecutor(system.available_cores(), get_context("spawn"), torch.set_num_threads, (1,)) as processes:
        promised = {
            variant.digest: [processes.submit(train_and_evaluate, variant, dataset, seed) for seed in range(seeds)]
            for _, variant in plan
            if (variant.digest, seeds) not in previous
        }
        for preset, variant in plan:
            name = f"{preset}: {variant.name}"
            row = previous.get((variant.digest, seeds)) or _summarize_seeds(
                [one.result() for one in promised[variant.digest]]
            )
            yield {**row, "name": name, "recipe": variant.digest}


def _summarize_seeds(accuracies: list[tuple[float, float]]) -> dict[str, Any]:
    plain, augmented = zip(*accuracies, strict=True)
    return {
        "seeds": len(plain),
        "accuracy": statistics.mean(plain),
        "accuracy_min": min(plain),
        "accuracy_max": max(plain),
        "accuracy_tta": statistics.mean(augmented),
    }


def train_and_evaluate(variant: Variant, dataset: Dataset, seed: int) -> tuple[float, float]:
    """Accuracy on test of one training, and the same over six views."""
    network = _network(variant, dataset, seed)
    for _ in fit(network, dataset.train, None, variant.recipe, seed=seed):
        pass
    views = recipes.Augment(shift=1, flip=True)  # the same for all, also for a recipe that has not seen them
    found, _ = evaluate_classifier(TorchClassifier(network, dataset.classes), dataset.test, views)
    return found.accuracy, found.accuracy_tta or found.accuracy


def _network(variant: Variant, dataset: Dataset, seed: int) -> ImageClassifier:
    network = build_network(variant.recipe.network, dataset.train.images, len(dataset.classes), seed)
    if variant.trainable_stem:
        stem = network.features.get_submodule("stem")
        start = torch.empty_like(stem.get_buffer("filters"))
        del stem.filters
        stem.filters = nn.Parameter(nn.init.kaiming_normal_(start))
    return network


def _timing_rows(plan: list[tuple[str, Variant]], dataset: Dataset) -> list[dict[str, Any]]:
    """What a training of each variant takes: median over the rounds of a step, times its steps."""
    steps: list[list[float]] = [[] for _ in plan]
    for _ in range(ROUNDS):
        for taken, (_preset, variant) in zip(steps, plan, strict=True):
            taken.append(run_in_subprocess(step_seconds, variant, dataset))
    counts = [_count_steps(variant.recipe, len(dataset.train)) for _, variant in plan]
    return [
        {**summarize([count * one for one in taken], "s"), "steps": count}
        for count, taken in zip(counts, steps, strict=True)
    ]


def step_seconds(variant: Variant, dataset: Dataset) -> float:
    """Of one step, the mean over the second epoch of a short training."""
    recipe = replace(variant.recipe, epochs=2, hard_example_mining=recipes.HardExampleMining())
    few = dataset.train.subset(np.arange(TIMED_STEPS * recipe.batch_size))
    network = _network(variant, dataset, 0)
    device = select_device(recipe.precision)
    *_, last = fit(network, few, None, recipe, device=device, state=init_state(network, recipe, device))
    return last.seconds / TIMED_STEPS


def _count_steps(recipe: Recipe, n_images: int) -> int:
    """How many steps the training has."""
    focused = (
        max(0, recipe.epochs - recipe.hard_example_mining.start_epoch + 1)
        if recipe.hard_example_mining.fraction < 1
        else 0
    )
    whole = n_images // recipe.batch_size
    return (recipe.epochs - focused) * whole + focused * (
        round(recipe.hard_example_mining.fraction * n_images) // recipe.batch_size
    )


if __name__ == "__main__":
    main()
