"""``clothier train``: from data and a recipe to a run folder. It can be interrupted and resumed at any point."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic, recipes
from clothier.data.dataset import Dataset
from clothier.data.sources import open_dataset
from clothier.errors import UnknownNameError, UsageError
from clothier.report.run_report import model_section, photo_section, reproduce_command, write_run_report
from clothier.runs import RUNS_DIR, Run, create_run, interruptible
from clothier.training.ddp import process_group
from clothier.training.distillation.teachers import train_teachers, validate_distillation
from clothier.training.finalize import FINALIZE_STEPS, finalize
from clothier.training.finetune.cross_validation import train_photo_model
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.finalize import finalize_photo
from clothier.training.options import (
    PhotoOptions,
    TrainOptions,
    from_config,
    is_photo_config,
    refit_options,
    require_same_options,
    to_config,
    validate_refit,
)
from clothier.training.prepared_training import prepare, train_network
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.report.sections import ModelSection
    from clothier.training.finetune.cross_validation import FineTuneResult
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.networks import AnyNetwork
    from clothier.training.prepared_training import TrainResult
    from clothier.types import Progress


def train(
    options: TrainOptions | PhotoOptions,
    *,
    dataset: Dataset | PhotoTrainingData | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a DNN, a CNN or a photo model, evaluates it and writes its report.

    Args:
        options: of the training; their type decides on the kind of model.
        dataset: the data of ``options.data``, if they are in memory already.
        network: for a DNN or a CNN, the user's own network in place of the recipe's: (N, 1, H, W) float32 images in
            [0, 1] to (N, K) logits. If it has a module ``head``, the input of that is the embedding.
        progress: called after every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    return _load_and_run(None, options, dataset, network, progress)


def resume(
    path: Path,
    *,
    expected: TrainOptions | None = None,
    dataset: Dataset | PhotoTrainingData | None = None,
    network: AnyNetwork | None = None,
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
    config = run.config
    options: TrainOptions | PhotoOptions
    if is_photo_config(config):
        options = from_config(PhotoOptions, config, path / "config.json")
    else:
        options = from_config(TrainOptions, config, path / "config.json")
    if expected is not None:
        require_same_options(options, expected, path)
    if run.is_finished:
        return run
    if network is None and (own := config.get("own_network")):
        raise UsageError(
            f"{path} trains your own network {own}. Resume it in Python: "
            "clothier.workflows.train.resume(path, network=...)."
        )
    return _load_and_run(run, options, dataset, network, progress)


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
    network: AnyNetwork | None = None,
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


def _load_and_run(
    run: Run | None, options: TrainOptions | PhotoOptions, data: Any, network: AnyNetwork | None, progress: Progress
) -> Run:
    """Runs or resumes a training; ``run`` is None for a new one."""
    started = time.perf_counter()
    if isinstance(options, PhotoOptions):
        photos = data or load_photo_training_data(options.data, options.columns, progress)
        return _run_photo(run, options, photos, started, progress)
    dataset = data or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    return _run(run, options, dataset, network, progress)


def _run(
    run: Run | None, options: TrainOptions, dataset: Dataset, network: AnyNetwork | None, progress: Progress
) -> Run:
    """The training of a DNN or a CNN; a new run's folder is created once everything is known to fit."""
    if run:
        run.check_data(dataset.digest)
    validate_refit(options, dataset.digest)
    with process_group() as group:
        validate_distillation(options, group)
        prepared = prepare(options, dataset, network)
        if run is None:
            own = None if network is None else type(network).__name__
            run = group.broadcast(
                _create_run(options, dataset.digest, own_network=own) if group.is_main else Run(Path())
            )
        with interruptible(run.path):
            soft_targets, teacher_metrics = train_teachers(run, options, dataset, progress)
            result = train_network(run, prepared, group, soft_targets, progress)
    if group.is_main:
        with interruptible(run.path):
            _write_results(run, replace(result, teacher_metrics=teacher_metrics), dataset, progress)
    return run


def _run_photo(
    run: Run | None, options: PhotoOptions, photos: PhotoTrainingData, started: float, progress: Progress
) -> Run:
    """The training of a photo model."""
    if run:
        run.check_data(photos.digest)
    else:
        run = _create_run(options, photos.digest)
    with interruptible(run.path):
        result = train_photo_model(
            run,
            options.recipe,
            photos,
            seed=options.seed,
            started=started,
            time_limit=options.time_limit,
            progress=progress,
        )
        _write_photo_results(run, result, photos, progress)
    return run


def _create_run(options: TrainOptions | PhotoOptions, digest: str, **more: Any) -> Run:
    run = create_run(options.out or RUNS_DIR / f"{options.recipe.model}-{options.recipe.preset}")
    run.create({**to_config(options), "data_digest": digest, **more})
    return run


def _write_results(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> None:
    """The bundle, the predictions and the report of a DNN or a CNN."""
    metrics, test_logits = finalize(run, result, dataset, progress)
    note = f"test {100 * metrics['test']['accuracy']:.2f} %"
    _write_report(run, model_section(run, metrics, test_logits, dataset), metrics, note, progress)


def _write_photo_results(run: Run, result: FineTuneResult, photos: PhotoTrainingData, progress: Progress) -> None:
    """The bundle, the audit and the report of a photo model."""
    final = finalize_photo(run, result, photos, progress)
    note = f"accuracy on unseen {photos.grouped_by}s {100 * final.evaluation.accuracy:.2f} %"
    _write_report(run, photo_section(run, *final), final.metrics, note, progress)


def _write_report(run: Run, section: ModelSection, metrics: dict[str, Any], note: str, progress: Progress) -> None:
    """The report and last ``metrics.json``, which marks the run as finished."""
    write_run_report(run, section, metrics["data"]["name"], reproduce_command(run))
    atomic.write_json(run.path / "metrics.json", metrics)
    progress(f"measure {metrics['model']}", FINALIZE_STEPS, FINALIZE_STEPS, note)
