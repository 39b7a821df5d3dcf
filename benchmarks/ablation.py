"""What each part of our CNN recipes contributes, in accuracy and in seconds: one part at a time is removed or added.

    python -m benchmarks.ablation       writes benchmarks/results/ablation.json

Accuracies come from complete trainings on all 60,000 images, in parallel processes of one thread each; the test set is
read after each. It takes an hour, so each row is saved when it is finished, and not trained again while its recipe is
the same; remove the file to start over. Seconds are the number of steps times the median step of a short training on
every core, interleaved: they need an idle machine, accuracies do not.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from benchmarks.results import make_parser, mean_and_range, mean_or_none, summarize, write_results
from benchmarks.timing import run_in_subprocess
from clothier import recipes, system
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import evaluate_classifier
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit, init_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.recipes import Recipe
    from clothier.training.networks import ImageClassifier

PRESETS = ("sprint", "fast")
ADAMW_LR = {"sprint": 0.016, "fast": 0.004}  # the best of three rates on validation
TIMED_STEPS = 40
ROUNDS = 5
FULL_RECIPE = "full recipe"


@dataclass(frozen=True, slots=True)
class Variant:
    """A recipe with one part changed.

    Attributes:
        name: what is missing, what replaces it, or what is added.
        recipe: the changed recipe.
        trainable_stem: whether the stem has random filters that are trained, instead of whitening.
    """

    name: str
    recipe: Recipe
    trainable_stem: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of everything that determines its accuracy, except the seed."""
        content = {"recipe": self.recipe.to_json(), "trainable_stem": self.trainable_stem}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def variants(preset: str) -> list[Variant]:
    """The full recipe, then with one part changed at a time."""
    full = recipes.preset("cnn", preset)
    mining, flip, shift = full.hard_example_mining, full.augment.flip, full.augment.shift
    changed = partial(replace, full)
    found = [
        Variant(FULL_RECIPE, full),
        Variant("trained stem instead of whitening", full, trainable_stem=True),
        Variant("AdamW instead of Muon", changed(optimizer=_adamw(ADAMW_LR[preset]))),
        Variant("no flip" if flip else "with flip", changed(augment=replace(full.augment, flip=not flip))),
        Variant(
            "no translation" if shift else "with translation",
            changed(augment=replace(full.augment, shift=0 if shift else 1)),
        ),
        Variant("no label smoothing", changed(label_smoothing=0.0)),
        Variant("batches twice as large", changed(batch_size=2 * full.batch_size)),
    ]
    if mining.fraction < 1:  # as many full epochs as take the same number of steps
        epochs = round(mining.start_epoch - 1 + (full.epochs - mining.start_epoch + 1) * mining.fraction)
        without = changed(hard_example_mining=recipes.HardExampleMining(), epochs=epochs)
        found.append(Variant(f"no hard example mining, {epochs} full epochs", without))
    return found


def _adamw(learning_rate: float) -> recipes.Optimizer:
    return recipes.Optimizer(
        kind="adamw", learning_rate=learning_rate, weight_decay=0.02, schedule="linear", warmup=0.1
    )


def main() -> None:
    """Trains every variant with every seed, then times their steps."""
    parser = make_parser("ablation", __doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    plan = [(preset, variant) for preset in PRESETS for variant in variants(preset)]
    save = partial(write_results, options.out, "ablation", arguments=f"--seeds {options.seeds}")
    scores: list[dict[str, Any]] = []
    for row in _accuracy_rows(plan, dataset, options.seeds, _previous_rows(options.out)):
        scores.append(row)
        save(scores)
    save([{**taken, **row} for taken, row in zip(_timing_rows(plan, dataset), scores, strict=True)])


def _previous_rows(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The accuracies in a file: recipe and number of seeds to the row, without its seconds and if it is complete."""
    if not path.is_file():
        return {}
    names = ("name", "recipe", "seeds", "accuracy", "accuracy_min", "accuracy_max", "accuracy_tta")
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    complete = [row for row in rows if row["accuracy_tta"] is not None]
    return {(row["recipe"], row["seeds"]): {name: row[name] for name in names} for row in complete}


def _accuracy_rows(
    plan: list[tuple[str, Variant]], dataset: Dataset, seeds: int, previous: dict[tuple[str, int], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Test accuracy of each variant: mean and range over the seeds."""
    with ProcessPoolExecutor(system.available_cores(), get_context("spawn"), torch.set_num_threads, (1,)) as processes:
        futures = {
            variant.digest: [processes.submit(train_and_evaluate, variant, dataset, seed) for seed in range(seeds)]
            for _, variant in plan
            if (variant.digest, seeds) not in previous
        }
        for preset, variant in plan:
            name = f"{preset}: {variant.name}"
            row = previous.get((variant.digest, seeds)) or _summarize_seeds(
                [one.result() for one in futures[variant.digest]]
            )
            yield {**row, "name": name, "recipe": variant.digest}


def _summarize_seeds(accuracies: list[tuple[float, float]]) -> dict[str, Any]:
    plain, augmented = zip(*accuracies, strict=True)
    return {
        "seeds": len(plain),
        **mean_and_range("accuracy", plain),
        "accuracy_tta": mean_or_none(augmented),
    }


def train_and_evaluate(variant: Variant, dataset: Dataset, seed: int) -> tuple[float, float]:
    """Test accuracy of one training, and the same over the augmented views of its recipe, at most six."""
    network = _network(variant, dataset, seed)
    for _ in fit(network, dataset.train, None, variant.recipe, seed=seed):
        pass
    model = TorchClassifier(network, dataset.classes)
    evaluation, _ = evaluate_classifier(model, dataset.test, variant.recipe.augment)
    return evaluation.accuracy, evaluation.accuracy_tta or evaluation.accuracy


def _network(variant: Variant, dataset: Dataset, seed: int) -> ImageClassifier:
    network = build_network(variant.recipe.network, dataset.train.images, len(dataset.classes), seed)
    if variant.trainable_stem:
        stem = network.features.get_submodule("stem")
        start = torch.empty_like(stem.get_buffer("filters"))
        del stem.filters
        stem.filters = nn.Parameter(nn.init.kaiming_normal_(start))
    return network


def _timing_rows(plan: list[tuple[str, Variant]], dataset: Dataset) -> list[dict[str, Any]]:
    """Seconds of a training of each variant: the median step over the rounds, times the number of steps."""
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
    """Seconds of one step: the mean over the second epoch of a short training."""
    recipe = replace(variant.recipe, epochs=2, hard_example_mining=recipes.HardExampleMining())
    few = dataset.train.subset(np.arange(TIMED_STEPS * recipe.batch_size))
    network = _network(variant, dataset, 0)
    device = select_device(recipe.precision)
    *_, last = fit(network, few, None, recipe, device=device, state=init_state(network, recipe, device))
    return last.seconds / TIMED_STEPS


def _count_steps(recipe: Recipe, n_images: int) -> int:
    """Optimizer steps of a training."""
    mining = recipe.hard_example_mining
    partial_epochs = max(0, recipe.epochs - mining.start_epoch + 1) if mining.fraction < 1 else 0
    full, selected = (count // recipe.batch_size for count in (n_images, round(mining.fraction * n_images)))
    return (recipe.epochs - partial_epochs) * full + partial_epochs * selected


if __name__ == "__main__":
    main()
