"""``clothier tune``: searches for a recipe by validation accuracy. It can be interrupted and resumed at any point.

The test images are not used. The result is a recipe file for ``clothier train --recipe``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier import atomic, recipes, system
from clothier.data.sources import open_dataset
from clothier.errors import UsageError
from clothier.runs import RUNS_DIR, Run, create_run, interruptible, lock, read_json
from clothier.training.ddp import require_single_process
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.options import FORMAT, to_config
from clothier.training.prepared_training import split
from clothier.training.trainer import fit
from clothier.training.tuning.options import TuneOptions, read_tune_options, tune_config
from clothier.training.tuning.trials import Trials
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.training.tuning.trials import Trial
    from clothier.types import EpochRecord, Progress

__all__ = ["TuneOptions", "TuneRun", "resume_tune", "tune"]

TASK = "tune"
SEVERAL = "tune in several processes"
CONFIG, TRIALS, RESULT_FILE, BEST_RECIPE = "config.json", "trials.json", "tune.json", "best.toml"
STATE_ORDER = ("complete", "pruned", "failed")

Split = tuple["LabeledImages", "LabeledImages"]


@dataclass(frozen=True, slots=True)
class TuneRun:
    """The folder of a finished search.

    ``config.json``, ``environment.json``, ``trials.json``, ``best.toml`` and, written last, ``tune.json``.
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
    """Searches a space, from its first trial to the best recipe.

    Raises:
        Interrupted: Ctrl-C; the search can be resumed.
        UsageError: every trial failed, or torchrun started several processes.
    """
    require_single_process(SEVERAL)
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    images = split(dataset, options.space.base)
    run = create_run(options.out or RUNS_DIR / f"tune-{options.model}-{options.search_space}")
    run.create(tune_config(options, dataset.digest))
    return _search(run, options, dataset, images, progress)


def resume_tune(
    path: Path,
    *,
    trials: int | None = None,
    time_limit: float | None = None,
    data: Path | None = None,
    progress: Progress = no_progress,
) -> TuneRun:
    """Continues a search that was interrupted or killed; a finished one is not changed, unless it is extended.

    ``trials`` and ``time_limit`` (seconds, for all trials together) replace those that it was started with; ``data``
    is where its data are now, if they were moved.

    Raises:
        Interrupted: Ctrl-C; the search can be resumed again.
        UsageError: every trial failed, another process runs the same search, or torchrun started several processes.
        ModelError: there is no search at ``path``, or its files are damaged.
        DataError: the search was started on other data.
    """
    require_single_process(SEVERAL)
    run = Run(path)
    started = read_tune_options(run.config, path / CONFIG)
    options = replace(started, trials=trials or started.trials, time_limit=time_limit or started.time_limit)
    options = replace(options, data=data or options.data)
    result = path / RESULT_FILE
    if result.is_file() and read_json(result).get("options") == to_config(options):
        return TuneRun(path)
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    run.check_data(dataset.digest)
    return _search(run, options, dataset, split(dataset, options.space.base), progress)


def _search(run: Run, options: TuneOptions, dataset: Dataset, images: Split, progress: Progress) -> TuneRun:
    """Runs the trials that are missing, then writes ``best.toml`` and last ``tune.json``, which marks the end.

    All trials have one split, the base's: accuracies on different images cannot be compared.
    """

    def train(recipe: Recipe) -> Iterator[EpochRecord]:
        n_classes, batch_size = len(dataset.classes), recipe.batch_size
        network = build_network(recipe.network, images[0].images, n_classes, options.seed, batch_size=batch_size)
        for record in fit(network, *images, recipe, seed=options.seed, device=select_device(recipe.precision)):
            run.require_folder()
            yield record

    with interruptible(run.path, TASK), lock(run.path):
        trials = Trials(run.path / TRIALS, options.space, options.seed, options.epochs)
        atomic.write_json(run.path / CONFIG, tune_config(options, dataset.digest))
        while not _should_stop(options, trials.finished):
            progress(TASK, len(trials.finished), options.n_trials, _note(trials.finished))
            trials.run_trial(train, progress)
        progress(TASK, len(trials.finished), len(trials.finished), _note(trials.finished))
        _write_results(run.path, options, dataset, len(images[1]), trials)
    return TuneRun(run.path)


def _should_stop(options: TuneOptions, finished: Sequence[Trial]) -> bool:
    spent = sum(one.seconds for one in finished)
    return len(finished) >= options.n_trials or (options.time_limit is not None and spent >= options.time_limit)


def _note(finished: Sequence[Trial]) -> str:
    best = max((one.validation_accuracy or 0.0 for one in finished if one.state == "complete"), default=None)
    return "" if best is None else f"best {100 * best:.2f} %"


def _write_results(path: Path, options: TuneOptions, dataset: Dataset, n_validation: int, trials: Trials) -> None:
    """Writes ``best.toml`` and ``tune.json``, with complete trials before pruned ones, and those before failed ones."""
    ranked = sorted(trials.finished, key=lambda one: (STATE_ORDER.index(one.state), -(one.validation_accuracy or 0.0)))
    best, accuracy = ranked[0], ranked[0].validation_accuracy
    if accuracy is None:
        raise UsageError(f"every trial of the search space {options.search_space} failed. The first: {best.error}")
    recipe = trials.recipe(best.params)
    atomic.write_text(path / BEST_RECIPE, recipes.to_toml(recipe))
    standard_error = math.sqrt(accuracy * (1 - accuracy) / n_validation)
    content = {
        "format": FORMAT,
        "options": to_config(options),
        "data": dataset.name,
        "data_digest": dataset.digest,
        "failures": [one.to_json() for one in dataset.failures],
        "validation": {"n": n_validation, "standard_error": standard_error},
        "best": {**best.to_json(), "recipe": recipe.to_json(), "file": str(path / BEST_RECIPE)},
        "trials": [one.to_json() for one in ranked],
        "environment": system.system_info(),
    }
    atomic.write_json(path / RESULT_FILE, content)
