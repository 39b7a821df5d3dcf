"""The use case of ``clothier train photo``: labelled photos in, a run folder with a photo model out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, Interrupted
from clothier.runs import RUNS_DIR, Run, create_run
from clothier.training.device import select_device
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.efficientnet_lite import SIDE, pretrained
from clothier.training.finetune.epochs import FineTuner, TimeBudget, extract_features, fine_tune
from clothier.training.finetune.features import FrozenFeatureExtractor
from clothier.training.finetune.finalize import FineTuneResult, finalize_photo
from clothier.training.finetune.linear_probe import fit_linear_probe
from clothier.training.finetune.networks import init_fine_tune_state, predict
from clothier.training.finetune.options import photo_options_from_config
from clothier.types import EpochRecord, ModelOutput, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.finetune.linear_probe import LinearProbe
    from clothier.training.finetune.options import PhotoOptions
    from clothier.types import Floats, Labels, Progress

    Indices = npt.NDArray[np.intp]
    Fold = tuple[Indices, Indices]

BASELINE_CS = (1e-3, 3e-3, 1e-2, 3e-2)  # C of the logistic regression that fine-tuning is held against


def train_photo(
    options: PhotoOptions, *, photos: PhotoTrainingData | None = None, progress: Progress = no_progress
) -> Run:
    """Trains a photo model from the audit of its photos to its report.

    Args:
        options: what is asked for.
        photos: what ``options.data`` means, if it was read already.
        progress: told of every stage and epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the weights' package or the disk; see each.
    """
    started = time.perf_counter()
    photos = photos or load_photo_training_data(options.data, options.columns, progress)
    run = create_run(options.out or RUNS_DIR / f"photo-{options.recipe.preset}")
    run.create({**options.to_json(), "data_digest": photos.digest})
    return _train_and_finalize(run, options, photos, started, progress)


def resume_photo(path: Path, *, progress: Progress = no_progress) -> Run:
    """Goes on with a run where its last whole epoch ended; one that has ended is left as it is.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed again.
        DataError: the photos are not those that the run was begun on.
        ModelError: there is no run, or its checkpoint is damaged.
    """
    run, options = Run(path), photo_options_from_config(path / "config.json")
    if run.is_finished:
        return run
    started = time.perf_counter()
    lesson = load_photo_training_data(options.data, options.columns, progress)
    if lesson.digest != run.config.get("data_digest"):
        raise DataError(
            f"the photos have changed since {path} was begun: their digest is {lesson.digest}, the run says "
            f"{run.config.get('data_digest')}. Bring the old ones back, or begin anew."
        )
    return _train_and_finalize(run, options, lesson, started, progress)


def _train_and_finalize(
    run: Run, options: PhotoOptions, photos: PhotoTrainingData, started: float, progress: Progress
) -> Run:
    try:
        taught = _train(run, options, photos, started, progress)
        finalize_photo(run, taught, photos, progress)
    except KeyboardInterrupt as stop:
        raise Interrupted(run.path) from stop
    return run


def _train(
    run: Run, options: PhotoOptions, photos: PhotoTrainingData, started: float, progress: Progress
) -> FineTuneResult:
    """Frozen features and their logistic regression first; then, unless the recipe has no epochs, fine-tuning."""
    select_device("float32", "cpu")  # keeps activations in the heap
    recipe, labels = options.recipe, photos.table.labels
    folds, classes = photos.folds(recipe.folds, options.seed), len(photos.table.classes)
    blocks = FrozenFeatureExtractor(pretrained(), recipe.frozen_blocks, SIDE)
    begun = time.perf_counter()
    early, features = extract_features(photos, blocks, "frozen features", progress)
    clock = TimeBudget(started, options.time_limit, time.perf_counter() - begun)
    strength, before = _fit_baseline(features, labels, folds, classes, progress)
    rows = [*(learnt for learnt, _ in folds), photos.labeled_indices]  # of each fold's network, and of the final one
    probes = [fit_linear_probe(features[one], labels[one], classes, recipe.probe_c) for one in rows]
    prepared = time.perf_counter() - started
    if recipe.epochs:
        learners = [init_fine_tune_state(probe, one, recipe) for probe, one in zip(probes, rows, strict=True)]
        tuning = FineTuner(recipe, options.seed, photos, blocks, early, folds, learners)
        records = fine_tune(run, tuning, clock, progress)
        outputs = [predict(one.best_ema, early, np.arange(len(labels)), recipe.frozen_blocks) for one in learners]
        network = learners[-1].best_ema
    else:
        records, network = (
            list[EpochRecord](),
            init_fine_tune_state(probes[-1], photos.labeled_indices, recipe).best_ema,
        )
        outputs = [ModelOutput(probe.logits(features), features) for probe in probes]
        run.write_results(records)
    return FineTuneResult(
        network=network,
        recipe=recipe,
        seed=options.seed,
        folds=tuple(folds),
        fold_outputs=tuple(outputs[:-1]),
        final_outputs=outputs[-1],
        baseline_logits=before,
        baseline_c=strength,
        records=tuple(records),
        train_seconds=prepared + sum(record.seconds for record in records),  # of all epochs, before a stop as well
    )


def _fit_baseline(
    features: Floats, labels: Labels, folds: list[Fold], n_classes: int, progress: Progress
) -> tuple[float, Floats]:
    """Out-of-fold logits of frozen features and logistic regression, with the C that does best on these very folds."""
    best: tuple[float, float, Floats] | None = None
    for done, strength in enumerate(BASELINE_CS):
        progress("logistic regression", done, len(BASELINE_CS))
        logits = np.zeros((len(labels), n_classes), np.float32)
        for learnt, tested in folds:
            probe: LinearProbe = fit_linear_probe(features[learnt], labels[learnt], n_classes, strength)
            logits[tested] = probe.logits(features[tested])
        known = np.concatenate([tested for _, tested in folds])
        accuracy = float((logits[known].argmax(1) == labels[known]).mean())
        if best is None or accuracy > best[0]:
            best = (accuracy, strength, logits)
    progress("logistic regression", len(BASELINE_CS), len(BASELINE_CS))
    assert best is not None  # noqa: S101 - STRENGTHS is not empty
    return best[1], best[2]
