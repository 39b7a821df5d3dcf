"""The trials of a search, in an SQLite file that Optuna can open.

Trials run one after another. The next trial's parameters depend only on the seed and on the finished trials, so a
search that was killed and resumed has the same trials as one that was not.
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
from optuna.pruners import MedianPruner
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

STUDY_NAME = "clothier"  # in the SQLite file
ERROR_ATTR = "error"  # attribute of a failed trial: why it failed
STARTUP_TRIALS = 5  # complete trials before any is pruned, to compare with
WARMUP_FRACTION = 1 / 3  # of a trial's epochs without pruning: recipes with much augmentation start slower
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial.

    Attributes:
        number: 1 for the first.
        params: dimension of the search space to value.
        state: ``complete``; ``pruned``, because it was below the median; or ``failed``.
        validation_accuracy: of the weights that the recipe selects, or of the last epoch if pruned; None if failed.
        epochs: the number of trained epochs.
        seconds: of building the network, training and validating.
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
    """Yields the trials in the SQLite file ``database``, which is created if it does not exist.

    ``seed`` is of sampling, ``epochs`` of every trial; None for those of the space's base.

    Raises:
        ModelError: the file is damaged.
        StorageError: it cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its log is replaced by our progress
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
    """The trials of one search, from :func:`open_trials`."""

    def __init__(self, study: optuna.Study, space: SearchSpace, seed: int, epochs: int) -> None:
        self._study, self._space, self._seed, self._epochs = study, space, seed, epochs
        self._distributions = {name: _distribution(one) for name, one in space.dimensions.items()}
        warmup = round(WARMUP_FRACTION * epochs)
        study.pruner = optuna.pruners.NopPruner() if space.grid else MedianPruner(STARTUP_TRIALS, n_warmup_steps=warmup)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # its process was killed; its parameters are tried again

    def finished(self) -> list[Trial]:
        """All trials except the interrupted ones, in order."""
        stored = self._study.get_trials(deepcopy=False, states=tuple(STATES))
        finished = [one for one in stored if one.state != TrialState.FAIL or ERROR_ATTR in one.user_attrs]
        return [self._to_trial(number, one) for number, one in enumerate(finished, start=1)]

    def recipe(self, params: Mapping[str, Value]) -> Recipe:
        """The recipe of these parameters; a UsageError if they are not valid together."""
        return self._space.recipe(params, epochs=self._epochs)

    def run_trial(self, train: Callable[[Recipe], Iterable[EpochRecord]], progress: Progress) -> None:
        """Runs the next trial, to its last epoch or until it is pruned.

        Args:
            train: yields the epochs of a recipe; its UsageError is the failure of the trial, not of the search.
            progress: called after every epoch.
        """
        before = self.finished()
        trial, task = self._next_trial(before), f"trial {len(before) + 1}"
        try:
            recipe = self.recipe(trial.params)
            for epoch, epochs, note in self._report_epochs(trial, recipe, train(recipe)):
                progress(task, epoch, epochs, note)
        except UsageError as error:  # the parameters are not valid together, or the training diverged
            trial.set_user_attr(ERROR_ATTR, str(error))
            self._study.tell(trial, state=TrialState.FAIL)
            progress(task, 1, 1, str(error))

    def _next_trial(self, finished: list[Trial]) -> optuna.Trial:
        """The next trial: with fixed parameters, or sampled from the results of the ``finished`` ones."""
        known = self._fixed_params(finished)
        if known is not None and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(known)
        seed = np.random.SeedSequence((self._seed, len(finished))).generate_state(1)[0]  # a resumed search has the same
        self._study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        return self._study.ask(self._distributions)

    def _fixed_params(self, finished: list[Trial]) -> dict[str, Value] | None:
        """The next point of a grid; in other spaces, the base's parameters for the first trial."""
        if not self._space.grid:
            return None if finished else self._space.base_values
        tried = [one.params for one in finished]
        return next(point for point in self._space.grid_points if point not in tried)

    def _report_epochs(
        self, trial: optuna.Trial, recipe: Recipe, records: Iterable[EpochRecord]
    ) -> Iterator[tuple[int, int, str]]:
        """Stores the epochs of a trial, then its result; yields each epoch, the number of epochs, and a note."""
        accuracies: list[float] = []
        for record in records:
            accuracies.append(record.validation_accuracy or 0.0)
            note = f"validation {100 * accuracies[-1]:.2f} %"
            trial.report(accuracies[-1], record.epoch)
            if record.epoch < recipe.epochs and trial.should_prune():
                self._study.tell(trial, state=TrialState.PRUNED)
                yield record.epoch, record.epoch, f"{note}, pruned"
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
    """Converts errors of the file."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = getattr(cause, "orig", cause)
        if not isinstance(cause, OperationalError):
            raise ModelError(f"{database} is damaged: {reason}. Start a new search.") from error
        raise StorageError(
            f"cannot use {database}: {reason}. The finished trials are saved. Free some space or check the "
            "permissions, then continue with --resume."
        ) from error


def _storage(database: Path) -> optuna.storages.RDBStorage:
    """The file, opened by its path: in a URL some characters of a path have another meaning."""
    connect = partial(sqlite3.connect, database, check_same_thread=False)
    return optuna.storages.RDBStorage(
        f"sqlite:///{STUDY_NAME}", engine_kwargs={"creator": connect, "poolclass": NullPool}
    )


def _distribution(dimension: Choice | Range) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(list(dimension.options))
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
