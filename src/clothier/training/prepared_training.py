"""One network's way from pictures to final weights, saved after every epoch: a student's and a teacher's alike."""

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

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.runs import Run
    from clothier.training.ddp import ProcessGroup
    from clothier.training.distillation.soft_targets import SoftTargets
    from clothier.training.networks import AnyNetwork
    from clothier.training.options import TrainOptions
    from clothier.training.trainer import TrainState
    from clothier.types import EpochRecord, Progress


@dataclass(frozen=True, slots=True)
class PreparedTraining:
    """A training that is ready for its first step, and its pictures."""

    options: TrainOptions
    train_set: LabeledImages
    validation: LabeledImages | None
    state: TrainState


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What training hands over.

    Attributes:
        network: with the weights that the recipe keeps.
        recipe: how they were found.
        seed: likewise.
        records: one an epoch.
        seconds: from arrays in memory to final weights, validation after each epoch included.
        validation: the pictures that were kept out to choose by, if any were.
        teacher_metrics: the figures of those that the network learnt from, if any.
    """

    network: AnyNetwork
    recipe: Recipe
    seed: int
    records: tuple[EpochRecord, ...]
    seconds: float
    validation: LabeledImages | None
    teacher_metrics: Mapping[str, Any] | None = None


def split(dataset: Dataset, recipe: Recipe) -> tuple[LabeledImages, LabeledImages]:
    """The training pictures as the recipe splits them: to learn from, and to choose by.

    Raises:
        DataError: a class has too few pictures to stand on both sides, or the recipe keeps none out.
    """
    held_out = round(recipe.validation * len(dataset.train))
    kept, held = stratified_split(dataset.train.labels, held_out)
    return dataset.train.subset(kept), dataset.train.subset(held)


def optional_split(dataset: Dataset, recipe: Recipe) -> tuple[LabeledImages, LabeledImages | None]:
    """As :func:`split`; with None to choose by where the recipe keeps nothing out."""
    return split(dataset, recipe) if recipe.validation else (dataset.train, None)


def prepare(options: TrainOptions, dataset: Dataset, network: AnyNetwork | None = None) -> PreparedTraining:
    """Fits a network to the pictures as far as it must be before its first step; the time counts as training."""
    recipe = options.recipe
    learning, validation = optional_split(dataset, recipe)
    started = time.perf_counter()
    network = network or build_network(recipe.network, learning.images, len(dataset.classes), options.seed)
    training = init_state(network, recipe, select_device(recipe.precision))
    return PreparedTraining(options, learning, validation, replace(training, seconds=time.perf_counter() - started))


def train_network(
    run: Run, prepared: PreparedTraining, group: ProcessGroup, soft_targets: SoftTargets | None, progress: Progress
) -> TrainResult:
    """Trains to the recipe's end, from where the run's checkpoint is, saving every epoch.

    ``soft_targets`` are the teachers' to the pictures to learn from; None where the labels are learnt.

    Raises:
        ModelError: the run has been going on, and its checkpoint is missing or damaged.
        UsageError: training went astray.
        StorageError: the disk refused.
    """
    options, training = prepared.options, prepared.state
    recipe = options.recipe
    records = _resume_state(run, training, group)
    for record in fit(
        training.network,
        prepared.train_set,
        prepared.validation,
        recipe,
        seed=options.seed,
        state=training,
        time_limit=options.time_limit,
        group=group,
        soft_targets=soft_targets,
    ):
        records.append(record)
        if group.is_main:
            checkpoint.save(run.checkpoint, training, records)
            run.append_result(record)
            progress(f"train {recipe.model}", record.epoch, recipe.epochs, _note(record))
    return TrainResult(
        training.network.cpu(), recipe, options.seed, tuple(records), training.seconds, prepared.validation
    )


def _resume_state(run: Run, state: TrainState, group: ProcessGroup) -> list[EpochRecord]:
    """The epochs of the run's checkpoint; before the first there is none yet, and it is written now."""
    going_on = (run.path / "results.csv").is_file()  # written after the first checkpoint
    records = checkpoint.restore(run.checkpoint, state) if going_on else []
    if group.is_main:
        checkpoint.save(run.checkpoint, state, records)
        run.write_results(records)
    return records


def _note(record: EpochRecord) -> str:
    return "" if record.validation_accuracy is None else f"validation {100 * record.validation_accuracy:.1f} %"
