"""``clothier train``: from data and a recipe to a run folder. It can be interrupted and resumed at any point."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clothier import atomic, recipes
from clothier.data.dataset import Dataset
from clothier.data.sources import open_dataset
from clothier.errors import UnknownNameError, UsageError
from clothier.report.run_report import model_section, reproduce_command, write_run_report
from clothier.runs import RUNS_DIR, Run, create_run, interruptible
from clothier.training.ddp import process_group
from clothier.training.distillation.teachers import train_teachers, validate_distillation
from clothier.training.finalize import FINALIZE_STEPS, finalize
from clothier.training.options import (
    TrainOptions,
    from_config,
    refit_options,
    require_same_options,
    to_config,
    validate_refit,
)
from clothier.training.prepared_training import prepare, train_network
from clothier.types import no_progress

if TYPE_CHECKING:
    from torch import nn

    from clothier.training.prepared_training import TrainResult
    from clothier.types import Progress


def train(
    options: TrainOptions,
    *,
    dataset: Dataset | None = None,
    network: nn.Module | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a DNN or a CNN, evaluates it and writes its report.

    Args:
        options: of the training.
        dataset: the data of ``options.data``, if they are in memory already.
        network: the user's own network in place of the recipe's: (N, 1, H, W) float32 images in [0, 1] to (N, K)
            logits. If it has a module ``head``, the input of that is the embedding.
        progress: called after every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    return _run(None, options, dataset, network, progress)


def resume(
    path: Path,
    *,
    expected: TrainOptions | None = None,
    dataset: Dataset | None = None,
    network: nn.Module | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Continues a run after its last finished epoch, with the same result as without the interruption.

    Args:
        path: the run folder; a finished run is not changed.
        expected: options that the run must have.
        dataset: the run's data, if they are in memory already.
        network: the user's own network, if the run was started with one.
        progress: called after every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed again.
        UsageError: the run was started with other options, or with the user's own network.
        DataError: the run was started on other data.
        ModelError: there is no run, or its checkpoint is missing or damaged.
    """
    run = Run(path)
    options = from_config(TrainOptions, run.config, path / "config.json")
    if expected is not None:
        require_same_options(options, expected, path)
    if run.is_finished:
        return run
    if network is None and (own := run.config.get("own_network")):
        raise UsageError(
            f"{path} trains your own network {own}. Resume it in Python: "
            "clothier.workflows.train.resume(path, network=...)."
        )
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    run.check_data(dataset.digest)
    return _run(run, options, dataset, network, progress)


def train_model(
    model: str,
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
    network: nn.Module | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a DNN or a CNN: ``clothier.train("cnn", preset="fast")``.

    Args:
        model: ``dnn`` or ``cnn``.
        preset: of the recipe.
        recipe: your own recipe in place of the preset.
        data: a folder of IDX files or of labeled images, or a data set in memory; None for Fashion-MNIST.
        any_idx: accept IDX files of any data set.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered if it exists.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule is shortened to end by then.
        teachers_from: a run whose teachers are used in place of new ones.
        refit: a finished run of the same recipe, to train again on all training images with its temperature.
        network: your own network; see :func:`train`.
        progress: called after every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    dataset, folder = (data, None) if isinstance(data, Dataset) else (None, data)
    chosen = recipe or recipes.preset(model, preset)
    if not isinstance(chosen, recipes.Recipe):
        raise UnknownNameError(model, "model to train", recipes.MODELS)
    options = TrainOptions(
        recipe=chosen,
        data=None if folder is None else Path(folder),
        any_idx=any_idx,
        out=None if out is None else Path(out),
        seed=seed,
        time_limit=time_limit,
    )
    options = refit_options(options, Path(refit)) if refit else options
    options = replace(options, teachers_from=None if teachers_from is None else Path(teachers_from))
    return train(options, dataset=dataset, network=network, progress=progress)


def _run(
    run: Run | None, options: TrainOptions, dataset: Dataset, network: nn.Module | None, progress: Progress
) -> Run:
    """Runs or resumes a training; a new run's folder is created once everything is known to fit."""
    validate_refit(options, dataset.digest)
    with process_group() as group:
        validate_distillation(options, group)
        prepared = prepare(options, dataset, network)
        if run is None:
            run = group.broadcast(_create_run(options, dataset, network) if group.is_main else Run(Path()))
        with interruptible(run.path):
            soft_targets, teacher_metrics = train_teachers(run, options, dataset, progress)
            result = train_network(run, prepared, group, soft_targets, progress)
    if group.is_main:
        with interruptible(run.path):
            _write_results(run, replace(result, teacher_metrics=teacher_metrics), dataset, progress)
    return run


def _create_run(options: TrainOptions, dataset: Dataset, network: nn.Module | None) -> Run:
    run = create_run(options.out or RUNS_DIR / f"{options.recipe.model}-{options.recipe.preset}")
    own = None if network is None else type(network).__name__
    run.create({**to_config(options), "data_digest": dataset.digest, "own_network": own})
    return run


def _write_results(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> None:
    """Writes the bundle, the predictions, the report and last ``metrics.json``, which marks the run as finished."""
    metrics, test_logits = finalize(run, result, dataset, progress)
    section = model_section(run, metrics, test_logits, dataset)
    write_run_report(run, section, dataset.name, reproduce_command(run))
    atomic.write_json(run.path / "metrics.json", metrics)
    accuracy = f"test {100 * metrics['test']['accuracy']:.2f} %"
    progress(f"measure {result.recipe.model}", FINALIZE_STEPS, FINALIZE_STEPS, accuracy)
