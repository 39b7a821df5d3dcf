"""Trains one network of a run to its final weights and saves every epoch. Students and teachers are trained alike."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier.data.splits import stratified_split
from clothier.training import checkpoint
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.trainer import fit, init_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.runs import Run
    from clothier.training.ddp import ProcessGroup
    from clothier.training.distillation.soft_targets import SoftTargets
    from clothier.training.options import TrainOptions
    from clothier.training.trainer import TrainState
    from clothier.types import EpochRecord, Int64Array, Progress


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """A training at its first step, and its images."""

    options: TrainOptions
    train_set: LabeledImages
    validation: LabeledImages | None
    state: TrainState


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A trained network.

    ``network`` has the weights that the recipe selects; ``steps`` are those of the optimizer; ``seconds`` are from
    arrays in memory to final weights, validation after each epoch included.
    """

    network: nn.Module
    recipe: Recipe
    seed: int
    records: tuple[EpochRecord, ...]
    steps: int
    seconds: float
    validation: LabeledImages | None
    teacher_metrics: Mapping[str, Any] | None = None


def split(dataset: Dataset, recipe: Recipe) -> tuple[LabeledImages, LabeledImages]:
    """The training part of ``dataset``, split into training and validation images as the recipe says."""
    train, validation = split_indices(dataset, recipe)
    return dataset.train.subset(train), dataset.train.subset(validation)


def split_indices(dataset: Dataset, recipe: Recipe) -> tuple[Int64Array, Int64Array]:
    """The indices of these images in the training part."""
    return stratified_split(dataset.train.labels, round(recipe.validation * len(dataset.train)))


def prepare(options: TrainOptions, dataset: Dataset, network: nn.Module | None = None) -> PreparedTraining:
    """Builds the recipe's network, or takes the given one, and its optimizers; the time counts as training."""
    recipe = options.recipe
    train_set, validation = split(dataset, recipe) if recipe.validation else (dataset.train, None)
    started = time.perf_counter()
    network = network or build_network(
        recipe.network, train_set.images, len(dataset.classes), options.seed, batch_size=recipe.batch_size
    )
    state = init_state(network, recipe, select_device(recipe.precision))
    return PreparedTraining(options, train_set, validation, replace(state, seconds=time.perf_counter() - started))


def train_network(
    run: Run, prepared: PreparedTraining, group: ProcessGroup, soft_targets: SoftTargets | None, progress: Progress
) -> TrainResult:
    """Trains to the recipe's last epoch, from the run's checkpoint if it has one, and saves every epoch."""
    options, state, validation = prepared.options, prepared.state, prepared.validation
    recipe, train_set = options.recipe, prepared.train_set
    records = checkpoint.resume(run, state, write=group.is_main)
    epochs = fit(
        state.network,
        train_set,
        validation,
        recipe,
        seed=options.seed,
        state=state,
        time_limit=options.time_limit,
        group=group,
        soft_targets=soft_targets,
    )
    for record in epochs:
        records.append(record)
        if group.is_main:
            checkpoint.save(run, state, records)
            run.append_result(record)
            accuracy = record.validation_accuracy
            note = "" if accuracy is None else f"validation {100 * accuracy:.1f} %"
            progress(f"train {recipe.model}", record.epoch, recipe.epochs, note)
    network, seed = state.network.cpu(), options.seed
    return TrainResult(network, recipe, seed, tuple(records), state.steps, state.seconds, validation)
