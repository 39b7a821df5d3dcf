"""The teachers that a student is distilled from. They are trained in processes beside each other.

Each teacher is trained like any other network, in a folder in the student's run, and continues from there when the run
is resumed. A trained teacher saves its outputs (:mod:`clothier.training.distillation.soft_targets`) for its student and
for the teachers of later generations.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier import recipes, system
from clothier.errors import UsageError
from clothier.recipes.bounds import MAX_SEED
from clothier.runs import Run
from clothier.training.ddp import ProcessGroup, require_single_process
from clothier.training.device import select_device
from clothier.training.distillation.processes import run_in_processes
from clothier.training.distillation.soft_targets import (
    SOFT_TARGETS_FILE,
    mean_soft_targets,
    save_soft_targets,
    teacher_metrics,
)
from clothier.training.options import (
    TrainOptions,
    first_difference,
    from_config,
    name_in_memory,
    require_same_options,
    to_config,
)
from clothier.training.prepared_training import prepare, train_network
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment, Recipe
    from clothier.training.distillation.soft_targets import SoftTargets
    from clothier.types import Progress

TEACHERS_DIR = "teachers"  # in the student's run folder, with a folder for each teacher: 1, 2, ...
VIEW_FIELDS = ("shift", "flip")  # of the augmentation; they decide which views a table of soft targets has


@dataclass(frozen=True, slots=True)
class _TeacherJob:
    path: Path
    options: TrainOptions
    dataset: Dataset
    student_augment: Augment
    previous_generations: Sequence[Path]  # folders of the teachers that it is distilled from

    @property
    def is_pending(self) -> bool:
        return not (self.path / SOFT_TARGETS_FILE).is_file()

    @property
    def epochs_done(self) -> int:
        table = self.path / "results.csv"
        return len(table.read_text(encoding="utf-8").splitlines()) - 1 if table.is_file() else 0


def validate_distillation(options: TrainOptions, group: ProcessGroup) -> None:
    """Checks, before anything is written, that the recipe's teachers can be trained; a UsageError if not."""
    distill, preset = options.recipe.distill, options.recipe.preset
    if not distill.teachers:
        if options.teachers_from:
            raise UsageError(
                f"got --teachers-from {options.teachers_from}, but the recipe {preset} has no teachers. "
                "Leave it out, or give a recipe with distill.teachers, such as best."
            )
        return
    teacher = recipes.preset("cnn", distill.preset)
    if teacher.distill.teachers:
        raise UsageError(f"the teachers' preset {distill.preset} has teachers itself. Give another one, such as large.")
    _check_same_augment(teacher.augment, options.recipe)
    require_single_process(f"train the teachers of the recipe {preset}", group)
    if options.time_limit is not None and options.teachers_from is None:
        raise UsageError(
            f"a time limit cannot be kept with the recipe {preset}, whose teachers are trained first. Leave it out, "
            "give --preset large, or reuse the teachers of a run with --teachers-from."
        )


def train_teachers(
    run: Run, options: TrainOptions, dataset: Dataset, validation: LabeledImages | None, progress: Progress
) -> tuple[SoftTargets | None, dict[str, Any] | None]:
    """Trains the teachers of a student's run that are not trained yet.

    Returns the student's soft targets and the teachers' metrics; None and None if its recipe has no teachers.

    Raises:
        UsageError: the teachers of another run do not fit this one, or are not all trained.
    """
    recipe, distill = options.recipe, options.recipe.distill
    if not distill.teachers:
        return None, None
    owner = options.teachers_from or run.path
    if options.teachers_from:
        _check_compatible(Run(owner), options, dataset)
    jobs = _teacher_jobs(owner, options, dataset)
    if options.teachers_from and any(job.is_pending for job in jobs):
        raise UsageError(f"the teachers of {owner} are not all trained. Resume that run first.")
    for first in range(0, len(jobs), distill.teachers):
        _train_generation(jobs[first : first + distill.teachers], jobs, progress)
    folders = [job.path for job in jobs]
    metrics = teacher_metrics(folders, recipe, jobs[0].options.recipe.epochs, validation, dataset)
    n_images = len(dataset.train) - len(validation or ())
    return mean_soft_targets(folders, recipe.augment, n_images, len(dataset.classes)), metrics


def _teacher_jobs(owner: Path, options: TrainOptions, dataset: Dataset) -> list[_TeacherJob]:
    """Every teacher of a run, the first generation first; it has the student's validation images."""
    distill, jobs = options.recipe.distill, list[_TeacherJob]()
    labeled = replace(recipes.preset("cnn", distill.preset), validation=options.recipe.validation)
    for index in range(distill.teachers * distill.generations):
        generation = index // distill.teachers
        recipe = replace(labeled, distill=replace(distill, generations=generation)) if generation else labeled
        seed = (options.seed + 1 + index) % (MAX_SEED + 1)
        teacher_options = replace(options, recipe=recipe, seed=seed, out=None, teachers_from=None)
        previous = [job.path for job in jobs[: generation * distill.teachers]]
        path = owner / TEACHERS_DIR / str(index + 1)
        jobs.append(_TeacherJob(path, teacher_options, dataset, options.recipe.augment, previous))
    return jobs


def _check_same_augment(teacher_augment: Augment, student: Recipe) -> None:
    """Checks that later generations see the views that the soft targets were computed for: the student's."""
    if student.distill.generations == 1:
        return
    for name in VIEW_FIELDS:
        theirs, ours = getattr(teacher_augment, name), getattr(student.augment, name)
        if theirs != ours:
            raise UsageError(
                f"with two or more generations, teachers and student must have the same augment.{name}: the teachers' "
                f"preset {student.distill.preset} has {theirs!r}, the student has {ours!r}."
            )


def _check_compatible(owner: Run, options: TrainOptions, dataset: Dataset) -> None:
    """Checks that the teachers of another run were trained for the images and views of this student."""
    trained = from_config(TrainOptions, owner.config, owner.path / "config.json").recipe
    theirs = _relevant_fields(trained, owner.config.get("data_digest"))
    if difference := first_difference(theirs, _relevant_fields(options.recipe, dataset.digest)):
        name, there, here = difference
        raise UsageError(
            f"the teachers of {owner.path} do not fit: its {name} is {there!r}, here it is {here!r}. "
            "Train without --teachers-from, or with the same data and recipe."
        )


def _relevant_fields(recipe: Recipe, data_digest: str | None) -> dict[str, Any]:
    """What decides the soft targets of a recipe's teachers."""
    augment = {name: getattr(recipe.augment, name) for name in VIEW_FIELDS}
    return {"data": data_digest, "distill": asdict(recipe.distill), "validation": recipe.validation, "augment": augment}


def _train_generation(generation: Sequence[_TeacherJob], all_jobs: Sequence[_TeacherJob], progress: Progress) -> None:
    """Trains the pending teachers of a generation, as many at a time as there are cores."""
    total = sum(job.options.recipe.epochs for job in all_jobs)

    def report() -> None:
        progress("train teachers", sum(job.epochs_done for job in all_jobs), total, f"{len(all_jobs)} CNNs")

    cores = system.available_cores()
    processes = min(cores, len(generation)) if select_device().type == "cpu" else 1
    threads = max(1, cores // processes)  # from the whole generation: the number of threads changes the last digits
    if pending := [job for job in generation if job.is_pending]:
        run_in_processes(_train_teacher, pending, processes=processes, threads=threads, on_poll=report)


def _train_teacher(job: _TeacherJob) -> None:
    """Runs in a process of its own."""
    run, dataset = Run(job.path), job.dataset
    if (job.path / "config.json").is_file():
        run.check_data(dataset.digest)
        found = from_config(TrainOptions, run.config, job.path / "config.json")
        require_same_options(replace(found, data=job.options.data), job.options, job.path)
    else:
        not_in_options = {"own_network": None, "data_in_memory": name_in_memory(job.options, dataset)}
        run.create({**to_config(job.options), "data_digest": dataset.digest, **not_in_options})
    prepared = prepare(job.options, dataset)
    size = len(prepared.train_set), len(dataset.classes)
    previous = job.previous_generations
    targets = mean_soft_targets(previous, job.student_augment, *size) if previous else None
    result = train_network(run, prepared, ProcessGroup(), targets, no_progress)
    save_soft_targets(job.path, result, prepared, dataset, job.student_augment)
