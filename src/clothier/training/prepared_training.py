"""One network's way from pictures to final weights, saved after every epoch: a student's and a teacher's alike."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier.data.splits import stratified_split
from clothier.training import checkpoint
from clothier.training.device import choose
from clothier.training.networks import build
from clothier.training.trainer import begin, fit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset, Labelled
    from clothier.recipes import Recipe
    from clothier.runs import Run
    from clothier.training.ddp import Team
    from clothier.training.distillation.soft_targets import Answers
    from clothier.training.networks import AnyNetwork
    from clothier.training.options import TrainOptions
    from clothier.training.trainer import Training
    from clothier.types import EpochRecord, Progress


@dataclass(frozen=True, slots=True)
class Lesson:
    """A training that is ready for its first step, and its pictures."""

    options: TrainOptions
    learning: Labelled
    validation: Labelled | None
    training: Training


@dataclass(frozen=True, slots=True)
class Trained:
    """What training hands over.

    Attributes:
        network: with the weights that the recipe keeps.
        recipe: how they were found.
        seed: likewise.
        records: one an epoch.
        seconds: from arrays in memory to final weights, validation after each epoch included.
        validation: the pictures that were kept out to choose by, if any were.
        teachers: the figures of those that the network learnt from, if any.
    """

    network: AnyNetwork
    recipe: Recipe
    seed: int
    records: tuple[EpochRecord, ...]
    seconds: float
    validation: Labelled | None
    teachers: Mapping[str, Any] | None = None


def split(dataset: Dataset, recipe: Recipe) -> tuple[Labelled, Labelled]:
    """The training pictures as the recipe splits them: to learn from, and to choose by.

    Raises:
        DataError: a class has too few pictures to stand on both sides, or the recipe keeps none out.
    """
    held_out = round(recipe.validation * len(dataset.train))
    kept, held = stratified_split(dataset.train.labels, held_out)
    return dataset.train.take(kept), dataset.train.take(held)


def parts(dataset: Dataset, recipe: Recipe) -> tuple[Labelled, Labelled | None]:
    """As :func:`split`; with None to choose by where the recipe keeps nothing out."""
    return split(dataset, recipe) if recipe.validation else (dataset.train, None)


def prepare(options: TrainOptions, dataset: Dataset, network: AnyNetwork | None = None) -> Lesson:
    """Fits a network to the pictures as far as it must be before its first step; the time counts as training."""
    recipe = options.recipe
    learning, validation = parts(dataset, recipe)
    started = time.perf_counter()
    network = network or build(recipe.network, learning.images, len(dataset.classes), options.seed)
    training = begin(network, recipe, choose(recipe.precision))
    return Lesson(options, learning, validation, replace(training, seconds=time.perf_counter() - started))


def learn(run: Run, lesson: Lesson, members: Team, answers: Answers | None, progress: Progress) -> Trained:
    """Trains to the recipe's end, from where the run's checkpoint is, saving every epoch.

    ``answers`` are the teachers' to the pictures to learn from; None where the labels are learnt.

    Raises:
        ModelError: the run has been going on, and its checkpoint is missing or damaged.
        UsageError: training went astray.
        StorageError: the disk refused.
    """
    options, training = lesson.options, lesson.training
    recipe = options.recipe
    records = _take_up(run, training, members)
    for record in fit(
        training.network,
        lesson.learning,
        lesson.validation,
        recipe,
        seed=options.seed,
        training=training,
        time_limit=options.time_limit,
        team=members,
        answers=answers,
    ):
        records.append(record)
        if members.leads:
            checkpoint.save(run.checkpoint, training, records)
            run.append_result(record)
            progress(f"train {recipe.model}", record.epoch, recipe.epochs, _note(record))
    return Trained(training.network.cpu(), recipe, options.seed, tuple(records), training.seconds, lesson.validation)


def _take_up(run: Run, training: Training, members: Team) -> list[EpochRecord]:
    """The epochs of the run's checkpoint; before the first there is none yet, and it is written now."""
    going_on = (run.path / "results.csv").is_file()  # written after the first checkpoint
    records = checkpoint.restore(run.checkpoint, training) if going_on else []
    if members.leads:
        checkpoint.save(run.checkpoint, training, records)
        run.write_results(records)
    return records


def _note(record: EpochRecord) -> str:
    return "" if record.validation_accuracy is None else f"validation {100 * record.validation_accuracy:.1f} %"
