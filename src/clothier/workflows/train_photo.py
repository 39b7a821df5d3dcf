"""``clothier train photo``: labeled photos in, a run folder with a photo model out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from clothier import atomic
from clothier.errors import DataError, Interrupted
from clothier.report.run_report import photo_section, reproduce_command, write_run_report
from clothier.runs import RUNS_DIR, Run, create_run
from clothier.training.finalize import FINALIZE_STEPS
from clothier.training.finetune.cross_validation import train_photo_model
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.finalize import finalize_photo
from clothier.training.finetune.options import photo_options_from_config
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.training.finetune.cross_validation import FineTuneResult
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.finetune.options import PhotoOptions
    from clothier.types import Progress


def train_photo(
    options: PhotoOptions, *, photos: PhotoTrainingData | None = None, progress: Progress = no_progress
) -> Run:
    """Trains a photo model, from the audit of its photos to its report.

    Args:
        options: of the training.
        photos: the photos of ``options.data``, if they are loaded already.
        progress: receives every stage and epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the backbone's weights or the disk; see each.
    """
    started = time.perf_counter()
    photos = photos or load_photo_training_data(options.data, options.columns, progress)
    run = create_run(options.out or RUNS_DIR / f"photo-{options.recipe.preset}")
    run.create({**options.to_json(), "data_digest": photos.digest})
    return _train_and_finalize(run, options, photos, started, progress)


def resume_photo(path: Path, *, progress: Progress = no_progress) -> Run:
    """Continues a run after its last saved epoch; a finished run stays as it is.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed again.
        DataError: the photos are not those that the run was started with.
        ModelError: there is no run, or its checkpoint is missing or damaged.
    """
    run, options = Run(path), photo_options_from_config(path / "config.json")
    if run.is_finished:
        return run
    started = time.perf_counter()
    photos = load_photo_training_data(options.data, options.columns, progress)
    if photos.digest != run.config.get("data_digest"):
        raise DataError(
            f"The photos have changed since {path} was started: their digest is {photos.digest}, the run's is "
            f"{run.config.get('data_digest')}. Restore the old photos, or train again."
        )
    return _train_and_finalize(run, options, photos, started, progress)


def _train_and_finalize(
    run: Run, options: PhotoOptions, photos: PhotoTrainingData, started: float, progress: Progress
) -> Run:
    try:
        result = train_photo_model(
            run,
            options.recipe,
            photos,
            seed=options.seed,
            started=started,
            time_limit=options.time_limit,
            progress=progress,
        )
        _write_results(run, result, photos, progress)
    except KeyboardInterrupt as stop:
        raise Interrupted(run.path) from stop
    return run


def _write_results(run: Run, result: FineTuneResult, photos: PhotoTrainingData, progress: Progress) -> None:
    """Writes the bundle, the audit, the report and last ``metrics.json``, which marks the run as finished."""
    final = finalize_photo(run, result, photos, progress)
    write_run_report(run, photo_section(run, *final), photos.table.name, reproduce_command(run))
    atomic.write_json(run.path / "metrics.json", final.metrics)
    accuracy = f"accuracy on unseen {photos.grouped_by}s {100 * final.evaluation.accuracy:.2f} %"
    progress("measure photo", FINALIZE_STEPS, FINALIZE_STEPS, accuracy)
