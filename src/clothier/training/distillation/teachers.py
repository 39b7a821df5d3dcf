"""The networks that a student learns from: trained side by side, asked once, and answering as one.

Each teacher is trained like any other network, in a folder under the student's run, and goes on from there when the run
is resumed. When it is done it answers (:mod:`clothier.training.distillation.teacher_ensemble`), for its student and for teachers of
a later generation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clothier import recipes, system
from clothier.errors import UsageError
from clothier.runs import Run
from clothier.training.ddp import ProcessGroup
from clothier.training.device import select_device
from clothier.training.distillation.processes import run_in_processes
from clothier.training.distillation.teacher_ensemble import (
    SOFT_TARGETS_FILE,
    load_teacher_ensemble,
    mean_soft_targets,
    save_soft_targets,
)
from clothier.training.options import TrainOptions, read_options
from clothier.training.prepared_training import optional_split, prepare, train_network
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.recipes import Augment, Recipe
    from clothier.training.distillation.teacher_ensemble import TeacherEnsemble
    from clothier.types import Progress

TEACHERS_DIR = "teachers"  # in the student's run, a folder for each: 1, 2, ...


@dataclass(frozen=True, slots=True)
class _TeacherJob:
    """One teacher to be trained and asked."""

    path: Path
    options: TrainOptions
    dataset: Dataset
    student_augment: Augment
    previous_generation: Sequence[Path]  # folders of those that it learns from


def validate_distillation(options: TrainOptions, group: ProcessGroup) -> None:
    """Refuses what teachers cannot do, before anything is begun.

    Raises:
        UsageError: they would have teachers themselves, or be trained by several processes of torchrun or within a
            time limit; or others were named for a recipe that learns from none.
    """
    distill = options.recipe.distill
    if not distill.teachers:
        if options.teachers_from:
            raise UsageError(
                f"the recipe {options.recipe.preset} learns from labels, and teachers were named: {options.teachers_from}. "
                "Leave them out, or give a recipe with distill.teachers, such as best."
            )
        return
    teaching = recipes.preset("cnn", distill.preset)
    if teaching.distill.teachers:
        raise UsageError(f"teachers by the preset {distill.preset} would need teachers themselves; solo has none.")
    _check_same_augment(teaching.augment, options.recipe)
    if group.world_size > 1:
        raise UsageError("teachers are trained side by side by one process; start it without torchrun.")
    if options.time_limit is not None and options.teachers_from is None:
        raise UsageError(
            "a time limit cannot hold for a recipe whose teachers are trained first; leave it out, choose the preset "
            "solo, or name the run whose teachers are to be taken."
        )


def train_teachers(run: Run, options: TrainOptions, dataset: Dataset, progress: Progress) -> TeacherEnsemble | None:
    """The teachers of a run, trained as far as they are not; None where its recipe has none.

    Args:
        run: the student's.
        options: likewise.
        dataset: likewise.
        progress: told of the teachers' epochs.

    Raises:
        UsageError: the teachers to be taken from another run have not answered what is asked here.
        ModelError: a teacher's files are damaged.
    """
    distill = options.recipe.distill
    if not distill.teachers:
        return None
    owner = run.path
    if options.teachers_from:
        owner = options.teachers_from
        _check_compatible(Run(owner), options, dataset)
    jobs = _teacher_jobs(owner, options, dataset)
    if options.teachers_from and any(map(_is_pending, jobs)):
        raise UsageError(f"the teachers of {owner} have not all answered yet; resume that run first.")
    for first in range(0, len(jobs), distill.teachers):
        _train_generation(jobs[first : first + distill.teachers], jobs, progress)
    recipe, validation = options.recipe, optional_split(dataset, options.recipe)[1]
    return load_teacher_ensemble([job.path for job in jobs], recipe, jobs[0].options.recipe.epochs, validation, dataset)


def _teacher_jobs(owner: Path, options: TrainOptions, dataset: Dataset) -> list[_TeacherJob]:
    """Every teacher of a run, the first generation first."""
    distill, shown = options.recipe.distill, options.recipe.augment
    jobs = list[_TeacherJob]()
    for place in range(distill.teachers * distill.generations):
        earlier = place // distill.teachers
        recipe = _teacher_recipe(options.recipe, earlier)
        asked = replace(options, recipe=recipe, seed=options.seed + 1 + place, out=None, teachers_from=None)
        elders = [job.path for job in jobs[: earlier * distill.teachers]]
        jobs.append(_TeacherJob(owner / TEACHERS_DIR / str(place + 1), asked, dataset, shown, elders))
    return jobs


def _is_pending(job: _TeacherJob) -> bool:
    return not (job.path / SOFT_TARGETS_FILE).is_file()


def _teacher_recipe(student: Recipe, generation: int) -> Recipe:
    """The recipe of a generation with some ``generation`` ones; it keeps out the pictures that the student keeps out."""
    recipe = replace(recipes.preset("cnn", student.distill.preset), validation=student.validation)
    return replace(recipe, distill=replace(student.distill, generations=generation)) if generation else recipe


def _check_same_augment(teacher_augment: Augment, student: Recipe) -> None:
    """Refuses later generations that would look answers up for views that nobody was asked."""
    for name in ("shift", "flip"):
        there, here = getattr(teacher_augment, name), getattr(student.augment, name)
        if student.distill.generations > 1 and there != here:
            raise UsageError(
                f"teachers of a later generation learn what the earlier ones say of the student's views: by the preset "
                f"{student.distill.preset} their augment.{name} is {there!r}, the student's is {here!r}. Make them the "
                "same, or have one generation."
            )


def _check_compatible(owner: Run, options: TrainOptions, dataset: Dataset) -> None:
    """Refuses teachers that were asked other pictures, or in other views, than this student will see."""
    config = owner.config
    theirs, ours = read_options(config, owner.path / "config.json").recipe, options.recipe
    told = [
        ("data", config.get("data_digest"), dataset.digest),
        ("distill", theirs.distill, ours.distill),
        ("validation", theirs.validation, ours.validation),
        ("augment.shift", theirs.augment.shift, ours.augment.shift),
        ("augment.flip", theirs.augment.flip, ours.augment.flip),
    ]
    for name, there, here in told:
        if there != here:
            raise UsageError(
                f"the teachers of {owner.path} cannot teach here: its {name} is {there!r}, here it is {here!r}. "
                "Train without them, or with the same."
            )


def _train_generation(generation: Sequence[_TeacherJob], all_jobs: Sequence[_TeacherJob], progress: Progress) -> None:
    """Trains and asks those of a generation that have not answered, as many at a time as there are cores."""
    total = sum(job.options.recipe.epochs for job in all_jobs)

    def watch() -> None:
        progress("train teachers", sum(_epochs_done(job.path) for job in all_jobs), total, f"{len(all_jobs)} CNNs")

    cores = system.available_cores()
    processes = min(cores, len(generation)) if select_device().type == "cpu" else 1
    threads = max(1, cores // processes)  # by all of them, not by those still to do: the threads decide the last digits
    if todo := list(filter(_is_pending, generation)):
        run_in_processes(_train_teacher, todo, processes=processes, threads=threads, on_poll=watch)


def _epochs_done(folder: Path) -> int:
    table = folder / "results.csv"
    return len(table.read_text(encoding="utf-8").splitlines()) - 1 if table.is_file() else 0


def _train_teacher(job: _TeacherJob) -> None:
    """What a teacher's process does: it learns, from its elders if it has any, and then answers."""
    run, dataset = Run(job.path), job.dataset
    if not (job.path / "config.json").is_file():
        run.create({**job.options.to_json(), "data_digest": dataset.digest, "own_network": None})
    lesson = prepare(job.options, dataset)
    targets = mean_soft_targets(job.previous_generation, job.student_augment) if job.previous_generation else None
    trained = train_network(run, lesson, ProcessGroup(), targets, no_progress)
    save_soft_targets(job.path, trained, lesson, dataset, job.student_augment)
