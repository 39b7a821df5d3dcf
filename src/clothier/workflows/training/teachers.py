"""The networks that a student learns from: trained side by side, asked once, and answering as one.

Each teacher is trained like any other network, in a folder under the student's run, and goes on from there when the run
is resumed. When it is done it leaves ``answers.npz``: what it says of every view of the pictures to learn from, of the
validation pictures and of the test pictures.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from clothier import atomic, machine, recipes
from clothier.analysis import metrics
from clothier.analysis.views import mean_answer
from clothier.errors import ModelError, UsageError
from clothier.learning.answers import answers_from, ask
from clothier.learning.classifier import TorchClassifier
from clothier.learning.device import choose
from clothier.learning.distributed import Team
from clothier.learning.networks import count_parameters
from clothier.learning.side_by_side import side_by_side
from clothier.records import silent
from clothier.runs import Run
from clothier.workflows.training.lesson import Faculty, learn, prepare, split
from clothier.workflows.training.options import TrainOptions, read_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.dataset import Dataset, Labelled
    from clothier.recipes import Augment, Recipe
    from clothier.records import Progress

FOLDER = "teachers"  # in the student's run, a folder for each: 1, 2, ...
ANSWERS = "answers.npz"  # in a teacher's folder; where it stands, the teacher is done
ALONE = ("accuracy", "accuracy_tta", "ece")  # told of each teacher by itself, without a temperature
DIGITS = 16  # of a digest, hexadecimal: enough to tell teachers apart


@dataclass(frozen=True, slots=True)
class _Job:
    """One teacher to be trained and asked."""

    path: Path
    options: TrainOptions
    dataset: Dataset
    shown: Augment


def require_teachable(options: TrainOptions, members: Team) -> None:
    """Refuses what teachers cannot do, before anything is begun.

    Raises:
        UsageError: they would have teachers themselves, or be trained by several processes of torchrun or within a
            time limit; or others were named for a recipe that learns from none.
    """
    distill = options.recipe.distill
    if not distill.teachers:
        if options.teachers:
            raise UsageError(
                f"the recipe {options.recipe.preset} learns from labels, and teachers were named: {options.teachers}. "
                "Leave them out, or give a recipe with distill.teachers, such as best."
            )
        return
    if recipes.preset("cnn", distill.preset).distill.teachers:
        raise UsageError(f"teachers by the preset {distill.preset} would need teachers themselves; solo has none.")
    if members.size > 1:
        raise UsageError("teachers are trained side by side by one process; start it without torchrun.")
    if options.time_limit is not None and options.teachers is None:
        raise UsageError(
            "a time limit cannot hold for a recipe whose teachers are trained first; leave it out, choose the preset "
            "solo, or name the run whose teachers are to be taken."
        )


def gather(run: Run, options: TrainOptions, dataset: Dataset, progress: Progress) -> Faculty | None:
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
    distill, shown = options.recipe.distill, options.recipe.augment
    if not distill.teachers:
        return None
    owner = run.path
    if options.teachers:
        owner = options.teachers
        _require_same_school(Run(owner), options, dataset)
    folders = [owner / FOLDER / str(number) for number in range(1, distill.teachers + 1)]
    recipe = _recipe_of_teachers(options.recipe)
    asked = [replace(options, recipe=recipe, seed=options.seed + 1 + place, out=None) for place in range(len(folders))]
    jobs = [_Job(*one, dataset, shown) for one in zip(folders, asked, strict=True)]
    todo = [job for job in jobs if not (job.path / ANSWERS).is_file()]
    if todo and options.teachers:
        raise UsageError(f"the teachers of {owner} have not all answered yet; resume that run first.")
    _train(todo, folders, recipe.epochs, progress)
    return _faculty(folders, recipe, split(dataset, options.recipe)[1], dataset, shown)


def _recipe_of_teachers(student: Recipe) -> Recipe:
    """The teachers' recipe; they keep out the pictures that their student keeps out."""
    return replace(recipes.preset("cnn", student.distill.preset), validation=student.validation)


def _require_same_school(owner: Run, options: TrainOptions, dataset: Dataset) -> None:
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


def _train(todo: Sequence[_Job], folders: Sequence[Path], epochs: int, progress: Progress) -> None:
    """Trains and asks those that have not answered, as many at a time as there are cores."""
    task, total = "train teachers", epochs * len(folders)

    def watch() -> None:
        progress(task, sum(_epochs_of(folder) for folder in folders), total, f"{len(folders)} CNNs")

    cores = machine.usable_cores()
    processes = min(cores, len(folders)) if choose().type == "cpu" else 1
    threads = max(1, cores // processes)  # by all of them, not by those still to do: the threads decide the last digits
    if todo:
        side_by_side(_teach, todo, processes=processes, threads=threads, watch=watch)


def _epochs_of(folder: Path) -> int:
    table = folder / "results.csv"
    return len(table.read_text(encoding="utf-8").splitlines()) - 1 if table.is_file() else 0


def _teach(job: _Job) -> None:
    """What a teacher's process does: it learns, and then answers."""
    run, dataset = Run(job.path), job.dataset
    if not (job.path / "config.json").is_file():
        run.begin({**job.options.to_json(), "data_digest": dataset.digest, "own_network": None})
    lesson = prepare(job.options, dataset)
    trained = learn(run, lesson, Team(), None, silent)
    device = choose(trained.recipe.precision)
    shares = ask(trained.network, lesson.learning.images, job.shown, dataset.classes, device)
    exact = TorchClassifier(trained.network.cpu(), dataset.classes)
    parts = {"validation": lesson.validation, "test": dataset.test}
    said = {name: metrics.softmax(exact.run(part.images).logits) for name, part in parts.items()}
    tta = {f"{name}_tta": mean_answer(exact, part.images, trained.recipe.augment) for name, part in parts.items()}
    content = io.BytesIO()
    facts = {"parameters": np.array(count_parameters(trained.network)), "seconds": np.array(trained.seconds)}
    columns: dict[str, Any] = {"shares": shares, **facts, **said, **tta}
    np.savez(content, **columns)
    atomic.write_bytes(job.path / ANSWERS, content.getvalue())


def _faculty(
    folders: Sequence[Path], recipe: Recipe, validation: Labelled, dataset: Dataset, shown: Augment
) -> Faculty:
    """What all of them say together."""
    total: npt.NDArray[np.float32] | None = None
    said: dict[str, npt.NDArray[np.float64]] = {}
    each: dict[str, list[dict[str, Any]]] = {"validation": [], "test": []}
    parameters, seconds, digest = 0, 0.0, hashlib.sha256()
    for folder in folders:
        content = _read(folder / ANSWERS)
        shares = content["shares"].astype(np.float32)
        total = shares if total is None else total + shares
        for name in ("validation", "test", "validation_tta", "test_tta"):
            said[name] = said.get(name, 0.0) + content[name] / len(folders)
        parameters += int(content["parameters"])
        seconds += float(content["seconds"])
        digest.update(content["test"].tobytes())
        each["validation"].append(_judged(content, "validation", validation, dataset))
        each["test"].append(_judged(content, "test", dataset.test, dataset))
    if total is None:
        raise RuntimeError("a faculty without teachers")
    figures = {
        "n": len(folders),
        "preset": recipe.preset,
        "parameters": parameters,
        "epochs": recipe.epochs,
        "core_seconds": seconds,
        "digest": digest.hexdigest()[:DIGITS],
        "validation": _judged(said, "validation", validation, dataset),
        "test": _judged(said, "test", dataset.test, dataset),
        "each": {part: [{name: one[name] for name in ALONE} for one in found] for part, found in each.items()},
    }
    return Faculty(answers_from((total / len(folders)).astype(np.float16), shown), figures)


def _judged(said: dict[str, npt.NDArray[np.float64]], name: str, part: Labelled, dataset: Dataset) -> dict[str, Any]:
    """A teacher's or an ensemble's figures: of its probabilities, and with test-time augmentation besides."""
    tiny = np.finfo(np.float64).tiny
    found = metrics.evaluate(np.log(said[name] + tiny), part.labels, dataset.classes)
    augmented = said[f"{name}_tta"].argmax(axis=1) == part.labels
    return replace(found, accuracy_tta=float(augmented.mean())).to_json()


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            return dict(content)
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"{path} is damaged: {error}. Remove it, and the teacher answers anew.") from error
