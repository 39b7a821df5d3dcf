"""The use case of ``clothier train photo``: labelled photos in, a run folder with a photo model out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, Interrupted
from clothier.runs import RUNS, Run, new_run
from clothier.training.device import choose
from clothier.training.finetune.data import read_lesson
from clothier.training.finetune.efficientnet_lite import SIDE, pretrained
from clothier.training.finetune.epochs import Clock, FineTuning, fine_tune, look
from clothier.training.finetune.features import FrozenBlocks
from clothier.training.finetune.finalize import Taught, deliver_photo
from clothier.training.finetune.linear_probe import fit_probe
from clothier.training.finetune.networks import answers, begin_learner
from clothier.training.finetune.options import photo_options_from_config
from clothier.types import EpochRecord, Outputs, silent

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.training.finetune.data import Lesson
    from clothier.training.finetune.linear_probe import Probe
    from clothier.training.finetune.options import PhotoOptions
    from clothier.types import Floats, Labels, Progress

    Rows = npt.NDArray[np.intp]
    Fold = tuple[Rows, Rows]

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2)  # C of the logistic regression that fine-tuning is held against


def train_photo(options: PhotoOptions, *, lesson: Lesson | None = None, progress: Progress = silent) -> Run:
    """Trains a photo model from the audit of its photos to its report.

    Args:
        options: what is asked for.
        lesson: what ``options.data`` means, if it was read already.
        progress: told of every stage and epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the weights' package or the disk; see each.
    """
    started = time.perf_counter()
    lesson = lesson or read_lesson(options.data, options.columns, progress)
    run = new_run(options.out or RUNS / f"photo-{options.recipe.preset}")
    run.begin({**options.to_json(), "data_digest": lesson.digest})
    return _finished(run, options, lesson, started, progress)


def resume_photo(path: Path, *, progress: Progress = silent) -> Run:
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
    lesson = read_lesson(options.data, options.columns, progress)
    if lesson.digest != run.config.get("data_digest"):
        raise DataError(
            f"the photos have changed since {path} was begun: their digest is {lesson.digest}, the run says "
            f"{run.config.get('data_digest')}. Bring the old ones back, or begin anew."
        )
    return _finished(run, options, lesson, started, progress)


def _finished(run: Run, options: PhotoOptions, lesson: Lesson, started: float, progress: Progress) -> Run:
    try:
        taught = _teach(run, options, lesson, started, progress)
        deliver_photo(run, taught, lesson, progress)
    except KeyboardInterrupt as stop:
        raise Interrupted(run.path) from stop
    return run


def _teach(run: Run, options: PhotoOptions, lesson: Lesson, started: float, progress: Progress) -> Taught:
    """Frozen features and their logistic regression first; then, unless the recipe has no epochs, fine-tuning."""
    choose("float32", "cpu")  # keeps activations in the heap
    recipe, labels = options.recipe, lesson.table.labels
    folds, classes = lesson.folds(recipe.folds, options.seed), len(lesson.table.classes)
    blocks = FrozenBlocks(pretrained(), recipe.frozen, SIDE)
    begun = time.perf_counter()
    early, features = look(lesson, blocks, "frozen features", progress)
    clock = Clock(started, options.time_limit, time.perf_counter() - begun)
    strength, before = _baseline(features, labels, folds, classes, progress)
    rows = [*(learnt for learnt, _ in folds), lesson.known]  # of each fold's network, and of the final one
    probes = [fit_probe(features[one], labels[one], classes, recipe.probe) for one in rows]
    prepared = time.perf_counter() - started
    if recipe.epochs:
        learners = [begin_learner(probe, one, recipe) for probe, one in zip(probes, rows, strict=True)]
        tuning = FineTuning(recipe, options.seed, lesson, blocks, early, folds, learners)
        records = fine_tune(run, tuning, clock, progress)
        outputs = [answers(one.best, early, np.arange(len(labels)), recipe.frozen) for one in learners]
        network = learners[-1].best
    else:
        records, network = list[EpochRecord](), begin_learner(probes[-1], lesson.known, recipe).best
        outputs = [Outputs(probe.logits(features), features) for probe in probes]
        run.write_results(records)
    return Taught(
        network=network,
        recipe=recipe,
        seed=options.seed,
        folds=tuple(folds),
        outputs=tuple(outputs[:-1]),
        final=outputs[-1],
        before=before,
        strength=strength,
        records=tuple(records),
        seconds=prepared + sum(record.seconds for record in records),  # of all epochs, before a stop as well
    )


def _baseline(
    features: Floats, labels: Labels, folds: list[Fold], classes: int, progress: Progress
) -> tuple[float, Floats]:
    """Out-of-fold logits of frozen features and logistic regression, with the C that does best on these very folds."""
    best: tuple[float, float, Floats] | None = None
    for done, strength in enumerate(STRENGTHS):
        progress("logistic regression", done, len(STRENGTHS))
        logits = np.zeros((len(labels), classes), np.float32)
        for learnt, tested in folds:
            probe: Probe = fit_probe(features[learnt], labels[learnt], classes, strength)
            logits[tested] = probe.logits(features[tested])
        known = np.concatenate([tested for _, tested in folds])
        accuracy = float((logits[known].argmax(1) == labels[known]).mean())
        if best is None or accuracy > best[0]:
            best = (accuracy, strength, logits)
    progress("logistic regression", len(STRENGTHS), len(STRENGTHS))
    assert best is not None  # noqa: S101 - STRENGTHS is not empty
    return best[1], best[2]
