"""The use case of ``clothier tune``: search for a recipe by validation accuracy; stoppable and resumable anywhere.

The test images are not looked at. What is found is a recipe file for ``clothier train --recipe``.
"""

from __future__ import annotations

import fcntl
import itertools
import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier import atomic, recipes, system
from clothier.data.sources import open_dataset
from clothier.errors import Interrupted, ModelError, StorageError, UsageError
from clothier.runs import RUNS, Run, new_run, read_json
from clothier.training.device import choose
from clothier.training.networks import build
from clothier.training.prepared_training import split
from clothier.training.trainer import fit
from clothier.training.tuning.options import FORMAT, TuneOptions, config_of, read_tune_options
from clothier.training.tuning.trials import open_trials
from clothier.types import silent
from clothier.workflows.train import require_same_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset, Labelled
    from clothier.recipes import Recipe
    from clothier.training.tuning.trials import Trial, Trials
    from clothier.types import EpochRecord, Progress

__all__ = ["TuneOptions", "Tuning", "resume_tune", "tune"]

TASK = "tune"
CONFIG, DATABASE, FOUND, BEST, LOCK = "config.json", "trials.db", "tune.json", "best.toml", ".lock"
ORDER = ("complete", "pruned", "failed")


@dataclass(frozen=True, slots=True)
class Tuning:
    """The folder of a search that has ended.

    ``config.json``, ``environment.json``, ``trials.db``, ``best.toml`` and, written last, ``tune.json``.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The best recipe, as a file."""
        return self.path / BEST

    def to_json(self) -> dict[str, Any]:
        """``tune.json``."""
        return read_json(self.path / FOUND)


def tune(options: TuneOptions, *, progress: Progress = silent) -> Tuning:
    """Searches a space from its first trial to the best recipe.

    Where the same was begun in the same place and has not ended, it goes on: an interrupted command can be repeated.

    Args:
        options: what is asked for.
        progress: told of every trial and epoch.

    Raises:
        Interrupted: Ctrl-C; the search can be resumed.
        UsageError: no trial could be carried out, or another process is at the same search.
        ClothierError: the data or the disk; see each.
    """
    path = options.out or RUNS / f"tune-{options.model}-{options.space}"
    lessons = _lessons(options, progress)
    run = _begun(path, lessons)
    if run:
        progress(TASK, 0, 0, f"{run.path} holds the same search, which has not ended; it goes on.")
    else:
        run = new_run(path)
        run.begin(lessons.config)
    return _search(run, lessons, progress)


def resume_tune(
    path: Path, *, trials: int | None = None, time_limit: float | None = None, progress: Progress = silent
) -> Tuning:
    """Goes on with a search that was interrupted or killed; one that has ended is left as it is, unless it is extended.

    Args:
        path: the folder.
        trials: how many in all, in place of what the search was begun with.
        time_limit: seconds of all trials together, likewise.
        progress: told of every trial and epoch.

    Raises:
        Interrupted: Ctrl-C; the search can be resumed again.
        UsageError: no trial could be carried out, or another process is at the same search.
        ModelError: there is no search at ``path``, or its files are damaged.
        DataError: the data have changed since.
    """
    run = Run(path)
    begun_with = read_tune_options(run.config, path)
    options = replace(begun_with, trials=trials or begun_with.trials, time_limit=time_limit or begun_with.time_limit)
    if _has_ended(run, options):
        return Tuning(path)
    lessons = _lessons(options, progress)
    require_same_data(run, lessons.dataset)
    return _search(run, lessons, progress)


def _begun(path: Path, lessons: _Lessons) -> Run | None:
    """The first of ``path``, ``path-2``, ``path-3``, ... in which the same search was begun and has not ended."""
    numbered = (path.parent / f"{path.name}-{number}" for number in itertools.count(2))
    for run in map(Run, itertools.takewhile(lambda one: one.is_dir(), itertools.chain([path], numbered))):
        with suppress(ModelError):  # something else lies there
            if run.config == lessons.config and not _has_ended(run, lessons.options):
                return run
    return None


def _has_ended(run: Run, options: TuneOptions) -> bool:
    """Whether ``tune.json`` is there, and tells of a search of so many trials and so much time."""
    found = run.path / FOUND
    return found.is_file() and read_json(found).get("options") == options.to_json()


@dataclass(frozen=True, slots=True)
class _Lessons:
    """What every trial learns from, and is judged by."""

    options: TuneOptions
    dataset: Dataset
    learning: Labelled
    validation: Labelled

    @property
    def config(self) -> dict[str, Any]:
        return config_of(self.options, self.dataset.digest)

    def train(self, recipe: Recipe) -> Iterator[EpochRecord]:
        """The epochs of a network of that recipe."""
        seed, classes = self.options.seed, len(self.dataset.classes)
        network = build(recipe.network, self.learning.images, classes, seed)
        yield from fit(network, self.learning, self.validation, recipe, seed=seed, device=choose(recipe.precision))


def _lessons(options: TuneOptions, progress: Progress) -> _Lessons:
    """One split for all trials, the base's: what is judged by different pictures cannot be compared."""
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    return _Lessons(options, dataset, *split(dataset, options.searched.base))


def _search(run: Run, lessons: _Lessons, progress: Progress) -> Tuning:
    """Every trial that is not there yet, then ``best.toml`` and, last, ``tune.json``, which marks the search ended."""
    options, path = lessons.options, run.path
    try:
        with _alone(path), open_trials(path / DATABASE, options.searched, options.seed, options.epochs) as trials:
            atomic.write_json(path / CONFIG, lessons.config)
            while not _is_over(options, ended := trials.ended()):
                progress(TASK, len(ended), options.wanted, _note(ended))
                trials.carry_out(lessons.train, progress)
            progress(TASK, len(ended), len(ended), _note(ended))
            _write(path, lessons, trials)
    except KeyboardInterrupt as stop:
        raise Interrupted(path, TASK) from stop
    return Tuning(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes out of a search; the lock goes with the process, however that ends.

    Raises:
        UsageError: another one is at it.
        StorageError: the folder cannot be written.
    """
    try:
        file = (path / LOCK).open("w")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}. Let it be written, then go on.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another process is searching in {path}. Wait for it, or search elsewhere with --out."
            ) from error
        yield


def _is_over(options: TuneOptions, ended: Sequence[Trial]) -> bool:
    spent = sum(one.seconds for one in ended)
    return len(ended) >= options.wanted or (options.time_limit is not None and spent >= options.time_limit)


def _ranked(ended: Sequence[Trial]) -> list[Trial]:
    """The best first; what ran to its end before what was cut short, and that before what failed."""
    return sorted(ended, key=lambda one: (ORDER.index(one.state), -(one.validation_accuracy or 0.0)))


def _note(ended: Sequence[Trial]) -> str:
    best = max((one.validation_accuracy or 0.0 for one in ended if one.state == "complete"), default=None)
    return "" if best is None else f"best {100 * best:.2f} %"


def _write(path: Path, lessons: _Lessons, trials: Trials) -> None:
    """What was found.

    Raises:
        UsageError: every trial failed.
    """
    options, ranked = lessons.options, _ranked(trials.ended())
    best, accuracy = ranked[0], ranked[0].validation_accuracy
    if accuracy is None:
        raise UsageError(f"no trial of the space {options.space} could be carried out. The first says: {best.error}")
    recipe, n = trials.recipe(best.values), len(lessons.validation)
    atomic.write_text(path / BEST, recipes.to_toml(recipe))
    about = {"recipe": recipe.to_json(), "file": str(path / BEST)}
    content = {
        "format": FORMAT,
        "options": options.to_json(),
        "data": lessons.dataset.name,
        "data_digest": lessons.dataset.digest,
        "validation": {"n": n, "standard_error": math.sqrt(accuracy * (1 - accuracy) / n)},
        "best": {**best.to_json(), **about},
        "trials": [one.to_json() for one in ranked],
        "environment": system.describe(),
    }
    atomic.write_json(path / FOUND, content)
