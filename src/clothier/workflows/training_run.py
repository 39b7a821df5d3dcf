"""The steps of one training: data, network, epochs, bundle, metrics and report."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.data.sources import open_dataset
from clothier.report.run_report import model_section, photo_section, reproduce_command, write_run_report
from clothier.runs import RUNS_DIR, Run, create_run, interruptible, lock
from clothier.training.ddp import process_group, require_single_process
from clothier.training.distillation.teachers import train_teachers, validate_distillation
from clothier.training.finalize import FINALIZE_STEPS, finalize
from clothier.training.finetune.cross_validation import train_photo_model
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.finalize import finalize_photo
from clothier.training.finetune.initial_weights import check_initial_weights, load_candidates
from clothier.training.options import PhotoOptions, TrainOptions, name_in_memory, to_config, validate_refit
from clothier.training.prepared_training import prepare, train_network

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.report.sections import ModelSection
    from clothier.training.finetune.cross_validation import FineTuneResult
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.networks import AnyNetwork
    from clothier.training.prepared_training import TrainResult
    from clothier.types import Progress


def run_training(
    run: Run | None, options: TrainOptions | PhotoOptions, data: Any, network: AnyNetwork | None, progress: Progress
) -> Run:
    """Runs a new training, or what is left of the one in the folder ``run``.

    ``data`` are those of ``options.data``, if they are in memory already; ``network`` is the user's own, if any.
    """
    started = time.perf_counter()
    if run and run.is_finished:
        with lock(run.path):
            _remove_checkpoints(run, options)  # if the process was killed before it did so
        return run
    if isinstance(options, PhotoOptions):
        require_single_process("train a photo model in several processes")
        backbone = options.recipe.backbone
        check_initial_weights(options.init, backbone)
        photos = data or load_photo_training_data(options.data, options.columns, progress, backbone)
        return _run_photo(run, options, photos, started, progress)
    dataset = data or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    return _run(run, options, dataset, network, progress)


def _run(
    run: Run | None, options: TrainOptions, dataset: Dataset, network: AnyNetwork | None, progress: Progress
) -> Run:
    """The training of a DNN or a CNN; a new run's folder is created once everything is known to fit."""
    if run:
        run.check_data(dataset.digest)
        run.move_data(options.data)
    own_network = None if network is None else type(network).__name__
    validate_refit(options, dataset.digest, own_network)
    with ExitStack() as in_run:
        with process_group() as group:
            validate_distillation(options, group)
            prepared = prepare(options, dataset, network)
            if run is None:
                new = _create_train_run(options, dataset, own_network) if group.is_main else Run(Path())
                run = group.broadcast(new)
            in_run.enter_context(interruptible(run.path))
            if group.is_main:
                in_run.enter_context(lock(run.path))
            soft_targets, teacher_metrics = train_teachers(run, options, dataset, prepared.validation, progress)
            result = train_network(run, prepared, group, soft_targets, progress)
        if group.is_main:
            _write_results(run, replace(result, teacher_metrics=teacher_metrics), dataset, progress)
            _remove_checkpoints(run, options)
    return run


def _run_photo(
    run: Run | None, options: PhotoOptions, photos: PhotoTrainingData, started: float, progress: Progress
) -> Run:
    """The training of a photo model."""
    if run:
        run.check_data(photos.digest)
        run.move_data(options.data)
    hashes = photos.hashes[photos.labeled_indices]
    candidates = load_candidates(options.init, options.recipe.backbone, hashes)
    if run is None:
        run = _create_run(options, photos.digest)
    with interruptible(run.path), lock(run.path):
        result = train_photo_model(
            run,
            options.recipe,
            photos,
            candidates,
            seed=options.seed,
            started=started,
            time_limit=options.time_limit,
            progress=progress,
        )
        _write_photo_results(run, result, photos, options.risk, progress)
        _remove_checkpoints(run, options)
    return run


def _create_train_run(options: TrainOptions, dataset: Dataset, own_network: str | None) -> Run:
    in_memory = name_in_memory(options, dataset)
    return _create_run(options, dataset.digest, own_network=own_network, data_in_memory=in_memory)


def _create_run(options: TrainOptions | PhotoOptions, digest: str, **more: Any) -> Run:
    run = create_run(options.out or RUNS_DIR / f"{options.recipe.model}-{options.recipe.preset}")
    run.create({**to_config(options), "data_digest": digest, **more})
    return run


def _write_results(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> None:
    metrics, test_logits = finalize(run, result, dataset, progress)
    note = f"test {100 * metrics['test']['accuracy']:.2f} %"
    _write_report(run, model_section(run, metrics, test_logits, dataset), metrics, note, progress)


def _write_photo_results(
    run: Run, result: FineTuneResult, photos: PhotoTrainingData, risk: float | str, progress: Progress
) -> None:
    final = finalize_photo(run, result, photos, risk, progress)
    note = f"accuracy on unseen {photos.grouped_by}s {100 * final.evaluation.accuracy:.2f} %"
    _write_report(run, photo_section(run, *final), final.metrics, note, progress)


def _write_report(run: Run, section: ModelSection, metrics: dict[str, Any], note: str, progress: Progress) -> None:
    """The report and last ``metrics.json``, which marks the run as finished."""
    run.require_folder()
    write_run_report(run, section, metrics["data"]["name"], reproduce_command(run))
    atomic.write_json(run.path / "metrics.json", metrics)
    progress(f"measure {metrics['model']}", FINALIZE_STEPS, FINALIZE_STEPS, note)


def _remove_checkpoints(run: Run, options: TrainOptions | PhotoOptions) -> None:
    if not options.keep_checkpoint:
        run.remove_checkpoints()
