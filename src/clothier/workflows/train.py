"""The use case of ``clothier train``: data and a recipe in, a run folder out; stoppable and resumable anywhere."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clothier import atomic, recipes
from clothier.data.dataset import Dataset
from clothier.data.sources import open_dataset
from clothier.errors import DataError, Interrupted, UsageError
from clothier.report.run_report import model_section, reproduce_command, write_run_report
from clothier.runs import RUNS_DIR, Run, create_run
from clothier.training.ddp import process_group
from clothier.training.distillation.teachers import train_teachers, validate_distillation
from clothier.training.finalize import FINALIZE_STEPS, finalize
from clothier.training.options import (
    TrainOptions,
    options_from_config,
    read_options,
    refit_options,
    require_same_options,
    validate_refit,
)
from clothier.training.prepared_training import prepare, train_network
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.training.ddp import ProcessGroup
    from clothier.training.networks import AnyNetwork
    from clothier.training.prepared_training import PreparedTraining, TrainResult
    from clothier.types import Progress

__all__ = [
    "TrainOptions",
    "options_from_config",
    "refit_options",
    "require_same_data",
    "resume",
    "train",
    "train_model",
]


def train(
    options: TrainOptions,
    *,
    dataset: Dataset | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a model from its first step to its report.

    Args:
        options: what is asked for.
        dataset: what ``options.data`` means, if it is in memory already.
        network: a network of the user's own in place of the recipe's: (N, 1, H, W) float32 pictures in [0, 1] to
            (N, K) logits. Where it has a module ``head``, what enters that is the embedding.
        progress: told of every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    validate_refit(options, dataset.digest)
    with process_group() as members:
        validate_distillation(options, members)
        lesson = prepare(options, dataset, network)
        run = members.broadcast(_create_run(options, dataset, network) if members.is_main else None)
        if run is None:
            raise RuntimeError("the leading process began no run")
        trained = _run_training(run, lesson, dataset, members, progress)
    return _finalize_run(run, trained, dataset, members, progress)


def resume(
    path: Path,
    *,
    expected: TrainOptions | None = None,
    dataset: Dataset | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Goes on with a run exactly where its last whole epoch ended; one that has ended is left as it is.

    Args:
        path: the run folder.
        expected: options that must be the run's own.
        dataset: what the run's data are, if they are in memory already.
        network: the user's own network, if the run was begun with one.
        progress: told of every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed again.
        UsageError: the run was begun with other options.
        DataError: the data are not those that the run was begun on.
        ModelError: there is no run, or its checkpoint is missing or damaged.
    """
    run = Run(path)
    options = read_options(run.config, path / "config.json")
    if expected is not None:
        require_same_options(options, expected, path)
    if run.is_finished:
        return run
    _require_network(run, network)
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    require_same_data(run, dataset)
    validate_refit(options, dataset.digest)
    with process_group() as members:
        validate_distillation(options, members)
        trained = _run_training(run, prepare(options, dataset, network), dataset, members, progress)
    return _finalize_run(run, trained, dataset, members, progress)


def train_model(
    model: recipes.ModelName,
    *,
    preset: str = "fast",
    recipe: recipes.Recipe | None = None,
    data: str | Path | Dataset | None = None,
    any_idx: bool = False,
    out: str | Path | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    teachers_from: str | Path | None = None,
    refit: str | Path | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """``clothier.train("cnn", preset="fast")``: :func:`train` in a notebook's words.

    Args:
        model: ``dnn`` or ``cnn``.
        preset: a shipped recipe.
        recipe: a recipe of one's own, in place of the preset.
        data: a folder of IDX files or of labelled pictures, or a data set in memory; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered when taken.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule hastens to end by then.
        teachers_from: a run whose teachers are to be learnt from, in place of new ones.
        refit: a run by the same recipe, to be trained once more on all pictures: it lends its temperature.
        network: a network of one's own, in place of the recipe's.
        progress: told of every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    dataset = data if isinstance(data, Dataset) else None
    options = TrainOptions(
        recipe=recipe or recipes.preset(model, preset),
        data=None if data is None or isinstance(data, Dataset) else Path(data),
        any_idx=any_idx,
        out=None if out is None else Path(out),
        seed=seed,
        time_limit=time_limit,
    )
    options = refit_options(options, Path(refit)) if refit else options
    options = replace(options, teachers_from=None if teachers_from is None else Path(teachers_from))
    return train(options, dataset=dataset, network=network, progress=progress)


def require_same_data(run: Run, dataset: Dataset) -> None:
    """Refuses to go on with a run, or a study, on other data than it was begun on.

    Raises:
        DataError: they differ.
    """
    begun_on = run.config.get("data_digest")
    if dataset.digest != begun_on:
        raise DataError(
            f"the data have changed since {run.path} was begun: their digest is {dataset.digest}, the run says "
            f"{begun_on}. Bring the old data back, or begin anew."
        )


def _create_run(options: TrainOptions, dataset: Dataset, network: AnyNetwork | None) -> Run:
    run = create_run(options.out or RUNS_DIR / f"{options.recipe.model}-{options.recipe.preset}")
    own = None if network is None else type(network).__name__
    run.create({**options.to_json(), "data_digest": dataset.digest, "own_network": own})
    return run


def _run_training(
    run: Run, prepared: PreparedTraining, dataset: Dataset, group: ProcessGroup, progress: Progress
) -> TrainResult:
    """Has the teachers answer, where the recipe has any, and trains to the recipe's end."""
    with _resumable(run):
        faculty = train_teachers(run, prepared.options, dataset, progress)
        trained = train_network(run, prepared, group, faculty.soft_targets if faculty else None, progress)
        return replace(trained, teacher_metrics=faculty.metrics) if faculty else trained


def _finalize_run(run: Run, result: TrainResult, dataset: Dataset, group: ProcessGroup, progress: Progress) -> Run:
    """The run with everything that comes after training. The leader alone makes it; the others are done."""
    if group.is_main:
        with _resumable(run):
            _write_results(run, result, dataset, progress)
    return run


def _write_results(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> None:
    """Writes the bundle, the predictions, the report and last ``metrics.json``, which marks the run as finished."""
    metrics, test_logits = finalize(run, result, dataset, progress)
    section = model_section(run, metrics, test_logits, dataset)
    write_run_report(run, section, dataset.name, reproduce_command(run))
    atomic.write_json(run.path / "metrics.json", metrics)
    accuracy = f"test {100 * metrics['test']['accuracy']:.2f} %"
    progress(f"measure {result.recipe.model}", FINALIZE_STEPS, FINALIZE_STEPS, accuracy)


@contextmanager
def _resumable(run: Run) -> Iterator[None]:
    """Says on Ctrl-C which run to resume."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(run.path) from stop


def _require_network(run: Run, network: AnyNetwork | None) -> None:
    own = run.config.get("own_network")
    if own and network is None:
        raise UsageError(
            f"{run.path} trains a network of your own, {own}; resume it from Python: "
            "clothier.workflows.train.resume(path, network=...)."
        )
