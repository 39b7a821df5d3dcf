"""The trials of a search, in a JSON file that is written whole after each trial.

Trials run one after another. The next trial's parameters depend only on the seed and on the finished trials, so a
search that was killed and resumed has the same trials as one that was not.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import MedianPruner, NopPruner
from optuna.trial import TrialState, create_trial

from clothier import atomic
from clothier.errors import DataError, ModelError, UsageError
from clothier.recipes.loader import from_values
from clothier.recipes.search_spaces import Choice, Range, SearchSpace
from clothier.runs import MAX_TEXT_SIZE
from clothier.untrusted import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from clothier.recipes import Recipe
    from clothier.recipes.search_spaces import Value
    from clothier.types import EpochRecord, Progress

State = Literal["complete", "pruned", "failed"]

STARTUP_TRIALS = 5  # complete trials before any is pruned, to compare with
WARMUP_FRACTION = 1 / 3  # of a trial's epochs without pruning: recipes with much augmentation start slower
STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial.

    Attributes:
        number: 1 for the first.
        params: dimension of the search space to value.
        state: ``complete``; ``pruned``, because it was below the median; or ``failed``.
        validation_accuracy: of the weights that the recipe selects, or of the last epoch if pruned; None if failed.
        accuracies: validation accuracy of each trained epoch.
        epochs: the number of trained epochs.
        seconds: of building the network, training and validating.
        error: why it failed, or None.
    """

    number: int
    params: dict[str, str | float | int]
    state: State
    validation_accuracy: float | None
    accuracies: tuple[float, ...]
    epochs: int
    seconds: float
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """As ``tune.json`` holds it."""
        return asdict(self)


class Trials:
    """The finished trials of a search, in the file ``path``, and the way to the next one.

    ``seed`` is of sampling, ``epochs`` of every trial; None for those of the space's base.

    Raises:
        ModelError: the file is damaged.
    """

    def __init__(self, path: Path, space: SearchSpace, seed: int, epochs: int | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # its log is replaced by our progress
        self._path, self._space, self._seed, self._epochs = path, space, seed, epochs or space.base.epochs
        self._distributions = {name: _distribution(one) for name, one in space.dimensions.items()}
        pruner = MedianPruner(STARTUP_TRIALS, n_warmup_steps=round(WARMUP_FRACTION * self._epochs))
        self._study = optuna.create_study(direction="maximize", pruner=NopPruner() if space.grid else pruner)
        self.finished = self._read() if path.exists() else []

    def recipe(self, params: dict[str, Value]) -> Recipe:
        """The recipe of these parameters; a UsageError if they are not valid together."""
        return self._space.recipe(params, epochs=self._epochs)

    def run_trial(self, train: Callable[[Recipe], Iterable[EpochRecord]], progress: Progress) -> None:
        """Runs the next trial, to its last epoch or until it is pruned.

        Args:
            train: yields the epochs of a recipe; its UsageError or DataError, such as more components than images, is
                the failure of the trial, not of the search.
            progress: called after every epoch.
        """
        started, number, trial = time.perf_counter(), len(self.finished) + 1, self._next_trial()
        report = partial(progress, f"trial {number}")
        accuracies: list[float] = []  # of each epoch
        accuracy, error = None, None
        try:
            recipe = self.recipe(trial.params)
            state = self._report_epochs(trial, recipe, train(recipe), accuracies, report)
            accuracy = max(accuracies) if recipe.select == "best" and state == "complete" else accuracies[-1]
        except (UsageError, DataError) as failure:  # not valid together or for these images, or the training diverged
            state, error = "failed", str(failure)
            report(1, 1, error)
        self._study.tell(trial, accuracy if state == "complete" else None, state=STATES[state])
        params = {name: trial.params[name] for name in self._space.dimensions}
        seconds = round(time.perf_counter() - started, 3)
        epochs = len(accuracies)
        self.finished.append(Trial(number, params, state, accuracy, tuple(accuracies), epochs, seconds, error))
        atomic.write_json(self._path, [one.to_json() for one in self.finished])

    def _report_epochs(
        self,
        trial: optuna.Trial,
        recipe: Recipe,
        records: Iterable[EpochRecord],
        accuracies: list[float],
        report: Callable[[int, int, str], None],
    ) -> State:
        """Adds each epoch's accuracy to ``accuracies``, until the trial is complete or pruned."""
        for record in records:
            accuracies.append(record.validation_accuracy or 0.0)
            trial.report(accuracies[-1], record.epoch)
            note = f"validation {100 * accuracies[-1]:.2f} %"
            if record.epoch < recipe.epochs and trial.should_prune():
                report(record.epoch, record.epoch, f"{note}, pruned")
                return "pruned"
            report(record.epoch, recipe.epochs, note)
        return "complete"

    def _next_trial(self) -> optuna.Trial:
        """The next trial: with fixed parameters, or sampled from the results of the finished ones."""
        if (known := self._fixed_params()) is not None:
            self._study.enqueue_trial(known)
        seed = np.random.SeedSequence((self._seed, len(self.finished))).generate_state(1)[0]
        self._study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        return self._study.ask(self._distributions)

    def _fixed_params(self) -> dict[str, Value] | None:
        """The next point of a grid; in other spaces, the base's parameters for the first trial."""
        if not self._space.grid:
            return None if self.finished else self._space.base_values
        tried = [one.params for one in self.finished]
        return next(point for point in self._space.grid_points if point not in tried)

    def _read(self) -> list[Trial]:
        """The trials in the file, which Optuna gets to know, too."""
        try:
            content = json.loads(read_bytes(self._path, MAX_TEXT_SIZE))
            trials = [from_values(Trial, one, owner=str(self._path)) for one in content]
            for number, one in enumerate(trials, start=1):
                self._study.add_trial(self._to_optuna(number, one))
        except OSError as error:
            raise ModelError(f"{self._path} cannot be read: {error.strerror}. Start a new search.") from error
        except (ValueError, TypeError, KeyError, RecursionError, UsageError) as error:
            reason = str(error).rstrip(".")
            raise ModelError(f"{self._path} is damaged: {reason}. Start a new search.") from error
        return trials

    def _to_optuna(self, number: int, trial: Trial) -> FrozenTrial:
        accuracies = (*trial.accuracies, trial.validation_accuracy or 0.0)
        if trial.number != number or not all(0 <= accuracy <= 1 for accuracy in accuracies):
            raise ValueError(f"trial {number} has another number, or an accuracy outside 0 to 1.")
        return create_trial(
            state=STATES[trial.state],
            params=trial.params,
            distributions=self._distributions,
            value=trial.validation_accuracy if trial.state == "complete" else None,
            intermediate_values=dict(enumerate(trial.accuracies, start=1)),
        )


def _distribution(dimension: Choice | Range) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(list(dimension.options))
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
