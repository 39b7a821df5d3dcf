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
from clothier.runs import RUNS_DIR, Run, create_run, read_json
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.prepared_training import split
from clothier.training.trainer import fit
from clothier.training.tuning.options import FORMAT, TuneOptions, read_tune_options, tune_config
from clothier.training.tuning.trials import open_trials
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.training.tuning.trials import Trial, Trials
    from clothier.types import EpochRecord, Progress

__all__ = ["TuneOptions", "TuneRun", "resume_tune", "tune"]

TASK = "tune"
CONFIG, DATABASE, RESULT_FILE, BEST_RECIPE, LOCK = "config.json", "trials.db", "tune.json", "best.toml", ".lock"
STATE_ORDER = ("complete", "pruned", "failed")


@dataclass(frozen=True, slots=True)
class TuneRun:
    """The folder of a search that has ended.

    ``config.json``, ``environment.json``, ``trials.db``, ``best.toml`` and, written last, ``tune.json``.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The best recipe, as a file."""
        return self.path / BEST_RECIPE

    def to_json(self) -> dict[str, Any]:
        """``tune.json``."""
        return read_json(self.path / RESULT_FILE)


def tune(options: TuneOptions, *, progress: Progress = no_progress) -> TuneRun:
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
    path = options.out or RUNS_DIR / f"tune-{options.model}-{options.search_space}"
    lessons = _load_data(options, progress)
    run = _find_unfinished(path, lessons)
    if run:
        progress(TASK, 0, 0, f"{run.path} holds the same search, which has not ended; it goes on.")
    else:
        run = create_run(path)
        run.create(lessons.config)
    return _search(run, lessons, progress)


def resume_tune(
    path: Path, *, trials: int | None = None, time_limit: float | None = None, progress: Progress = no_progress
) -> TuneRun:
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
    if _is_finished(run, options):
        return TuneRun(path)
    lessons = _load_data(options, progress)
    run.check_data(lessons.dataset.digest)
    return _search(run, lessons, progress)


def _find_unfinished(path: Path, data: _TuneData) -> Run | None:
    """The first of ``path``, ``path-2``, ``path-3``, ... in which the same search was begun and has not ended."""
    numbered = (path.parent / f"{path.name}-{number}" for number in itertools.count(2))
    for run in map(Run, itertools.takewhile(lambda one: one.is_dir(), itertools.chain([path], numbered))):
        with suppress(ModelError):  # something else lies there
            if run.config == data.config and not _is_finished(run, data.options):
                return run
    return None


def _is_finished(run: Run, options: TuneOptions) -> bool:
    """Whether ``tune.json`` is there, and tells of a search of so many trials and so much time."""
    found = run.path / RESULT_FILE
    return found.is_file() and read_json(found).get("options") == options.to_json()


@dataclass(frozen=True, slots=True)
class _TuneData:
    """What every trial learns from, and is judged by."""

    options: TuneOptions
    dataset: Dataset
    train_set: LabeledImages
    validation: LabeledImages

    @property
    def config(self) -> dict[str, Any]:
        return tune_config(self.options, self.dataset.digest)

    def train_recipe(self, recipe: Recipe) -> Iterator[EpochRecord]:
        """The epochs of a network of that recipe."""
        seed, classes = self.options.seed, len(self.dataset.classes)
        network = build_network(recipe.network, self.train_set.images, classes, seed)
        yield from fit(
            network, self.train_set, self.validation, recipe, seed=seed, device=select_device(recipe.precision)
        )


def _load_data(options: TuneOptions, progress: Progress) -> _TuneData:
    """One split for all trials, the base's: what is judged by different pictures cannot be compared."""
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    return _TuneData(options, dataset, *split(dataset, options.resolved_space.base))


def _search(run: Run, data: _TuneData, progress: Progress) -> TuneRun:
    """Every trial that is not there yet, then ``best.toml`` and, last, ``tune.json``, which marks the search ended."""
    options, path = data.options, run.path
    try:
        with (
            _file_lock(path),
            open_trials(path / DATABASE, options.resolved_space, options.seed, options.epochs) as trials,
        ):
            atomic.write_json(path / CONFIG, data.config)
            while not _should_stop(options, ended := trials.finished()):
                progress(TASK, len(ended), options.n_trials, _note(ended))
                trials.run_trial(data.train_recipe, progress)
            progress(TASK, len(ended), len(ended), _note(ended))
            _write_results(path, data, trials)
    except KeyboardInterrupt as stop:
        raise Interrupted(path, TASK) from stop
    return TuneRun(path)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
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


def _should_stop(options: TuneOptions, finished: Sequence[Trial]) -> bool:
    spent = sum(one.seconds for one in finished)
    return len(finished) >= options.n_trials or (options.time_limit is not None and spent >= options.time_limit)


def _rank_trials(finished: Sequence[Trial]) -> list[Trial]:
    """The best first; what ran to its end before what was cut short, and that before what failed."""
    return sorted(finished, key=lambda one: (STATE_ORDER.index(one.state), -(one.validation_accuracy or 0.0)))


def _note(finished: Sequence[Trial]) -> str:
    best = max((one.validation_accuracy or 0.0 for one in finished if one.state == "complete"), default=None)
    return "" if best is None else f"best {100 * best:.2f} %"


def _write_results(path: Path, data: _TuneData, trials: Trials) -> None:
    """What was found.

    Raises:
        UsageError: every trial failed.
    """
    options, ranked = data.options, _rank_trials(trials.finished())
    best, accuracy = ranked[0], ranked[0].validation_accuracy
    if accuracy is None:
        raise UsageError(
            f"no trial of the space {options.search_space} could be carried out. The first says: {best.error}"
        )
    recipe, n = trials.recipe(best.params), len(data.validation)
    atomic.write_text(path / BEST_RECIPE, recipes.to_toml(recipe))
    about = {"recipe": recipe.to_json(), "file": str(path / BEST_RECIPE)}
    content = {
        "format": FORMAT,
        "options": options.to_json(),
        "data": data.dataset.name,
        "data_digest": data.dataset.digest,
        "validation": {"n": n, "standard_error": math.sqrt(accuracy * (1 - accuracy) / n)},
        "best": {**best.to_json(), **about},
        "trials": [one.to_json() for one in ranked],
        "environment": system.system_info(),
    }
    atomic.write_json(path / RESULT_FILE, content)
