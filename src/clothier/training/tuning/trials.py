"""The trials of a search, in an SQLite file that any optuna can open: what is tried next, and what came of it.

Trials follow one another. What the next one tries depends on the seed and on the trials that have ended, and on
nothing else: a search that was killed and taken up again ends in the same trials as an undisturbed one.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from clothier.errors import ModelError, StorageError, UsageError
from clothier.recipes.search_spaces import Choice, Range, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from clothier.recipes import Recipe
    from clothier.recipes.search_spaces import Value
    from clothier.types import EpochRecord, Progress

STUDY_NAME = "clothier"  # the name of the search in its file
ERROR_ATTR = "error"  # the attribute of a trial that says why it failed
STARTUP_TRIALS = 5  # trials that run to their end before any is cut short: what is compared with must exist
WARMUP_FRACTION = 1 / 3  # of a trial's epochs: a recipe that varies its pictures much starts behind the others
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that said something of its point.

    Attributes:
        number: 1 for the first.
        params: dimension of the space to value.
        state: ``complete``; ``pruned``, cut short because it lay below the median; or ``failed``.
        validation_accuracy: of the weights that the recipe keeps, of the last epoch if pruned; 0 to 1, None if failed.
        epochs: so many were trained.
        seconds: of preparing, training and validating.
        error: why it failed, or None.
    """

    number: int
    params: Mapping[str, Value]
    state: str
    validation_accuracy: float | None
    epochs: int
    seconds: float
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """As ``tune.json`` holds it."""
        return asdict(self)


@contextmanager
def open_trials(database: Path, space: SearchSpace, seed: int, epochs: int | None = None) -> Iterator[Trials]:
    """Yields the trials in the SQLite file ``database``, which is made if it is not there.

    Args:
        database: the file.
        space: what is searched.
        seed: of what is drawn.
        epochs: of every trial; None for those of the space's base.

    Raises:
        ModelError: the file is damaged.
        StorageError: it cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a door tells what happens, and how it ended
    with _as_storage_error(database):
        storage = _storage(database)
        try:
            study = optuna.create_study(
                storage=storage, study_name=STUDY_NAME, load_if_exists=True, direction="maximize"
            )
            yield Trials(study, space, seed, epochs or space.base.epochs)
        finally:
            storage.remove_session()


class Trials:
    """The trials of one search, as :func:`open_trials` gives them."""

    def __init__(self, study: optuna.Study, space: SearchSpace, seed: int, epochs: int) -> None:
        self._study, self._space, self._seed, self._epochs = study, space, seed, epochs
        self._distributions = {name: _distribution(one) for name, one in space.dimensions.items()}
        study.pruner = _pruner(space, epochs)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # its process was killed; the point is tried again

    def finished(self) -> list[Trial]:
        """All trials but those that a kill or Ctrl-C cut off, in the order in which they were tried."""
        found = self._study.get_trials(deepcopy=False, states=tuple(STATES))
        said = [one for one in found if one.state != TrialState.FAIL or ERROR_ATTR in one.user_attrs]
        return [self._to_trial(number, one) for number, one in enumerate(said, start=1)]

    def recipe(self, params: Mapping[str, Value]) -> Recipe:
        """What a trial of these values trains.

        Raises:
            UsageError: the combination makes no recipe.
        """
        return self._space.recipe(params, epochs=self._epochs)

    def run_trial(self, train: Callable[[Recipe], Iterable[EpochRecord]], progress: Progress) -> None:
        """The next trial, to its last epoch or until it is hopeless.

        Args:
            train: makes the epochs of a recipe; a UsageError of it is the trial's failure, not the search's.
            progress: told of every epoch.
        """
        before = self.finished()
        trial, task = self._next_trial(before), f"trial {len(before) + 1}"
        try:
            recipe = self.recipe(trial.params)
            for epoch, epochs, note in self._report_epochs(trial, recipe, train(recipe)):
                progress(task, epoch, epochs, note)
        except UsageError as error:  # the values make no recipe, or training went astray
            trial.set_user_attr(ERROR_ATTR, str(error))
            self._study.tell(trial, state=TrialState.FAIL)
            progress(task, 1, 1, str(error))

    def _next_trial(self, finished: list[Trial]) -> optuna.Trial:
        """The next trial: of values known beforehand, the others drawn by what the ones ``finished`` taught."""
        known = self._fixed_params(finished)
        if known is not None and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(known)
        self._study.sampler = optuna.samplers.TPESampler(seed=_trial_seed(self._seed, len(finished)))
        return self._study.ask(self._distributions)

    def _fixed_params(self, finished: list[Trial]) -> dict[str, Value] | None:
        """The first point of a grid that was not tried; elsewhere the base itself, to begin with."""
        if not self._space.grid:
            return None if finished else self._space.base_values
        tried = [one.params for one in finished]
        return next(point for point in self._space.grid_points if point not in tried)

    def _report_epochs(
        self, trial: optuna.Trial, recipe: Recipe, records: Iterable[EpochRecord]
    ) -> Iterator[tuple[int, int, str]]:
        """Keeps the epochs of a trial and then its result; yields each epoch, how many there are, and a note."""
        accuracies: list[float] = []
        for record in records:
            accuracies.append(record.validation_accuracy or 0.0)
            note = f"validation {100 * accuracies[-1]:.2f} %"
            trial.report(accuracies[-1], record.epoch)
            if record.epoch < recipe.epochs and trial.should_prune():
                self._study.tell(trial, state=TrialState.PRUNED)
                yield record.epoch, record.epoch, f"{note}, cut short"
                return
            yield record.epoch, recipe.epochs, note
        self._study.tell(trial, max(accuracies) if recipe.select == "best" else accuracies[-1])

    def _to_trial(self, number: int, stored: FrozenTrial) -> Trial:
        return Trial(
            number=number,
            params={name: stored.params[name] for name in self._space.dimensions},
            state=STATES[stored.state],
            validation_accuracy=stored.value,
            epochs=len(stored.intermediate_values),
            seconds=0.0 if stored.duration is None else round(stored.duration.total_seconds(), 3),
            error=stored.user_attrs.get(ERROR_ATTR),
        )


@contextmanager
def _as_storage_error(database: Path) -> Iterator[None]:
    """Turns a failure of the file into a sentence."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        behind = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = getattr(behind, "orig", behind)
        if not isinstance(behind, OperationalError):
            raise ModelError(f"{database} is damaged: {reason}. Begin the search anew.") from error
        raise StorageError(
            f"cannot use {database}: {reason}. The trials that have ended are kept; make room there or let it be "
            "written, then go on with --resume."
        ) from error


def _storage(database: Path) -> optuna.storages.RDBStorage:
    """The file, opened by its path: in an address some characters of a path would mean something else."""
    connect = partial(sqlite3.connect, database, check_same_thread=False)
    return optuna.storages.RDBStorage(
        f"sqlite:///{STUDY_NAME}", engine_kwargs={"creator": connect, "poolclass": NullPool}
    )


def _pruner(space: SearchSpace, epochs: int) -> optuna.pruners.BasePruner:
    if space.grid:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=round(WARMUP_FRACTION * epochs))


def _distribution(dimension: Choice | Range) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(list(dimension.options))
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _trial_seed(seed: int, index: int) -> int:
    """Chance that belongs to a trial, not to a process: 0 to 2^32 - 1."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0])
