"""The use case of ``clothier train photo``: labelled photos in, a run folder with a photo model out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, Interrupted
from clothier.learning import photo_checkpoint
from clothier.learning.backbone import SIDE, pretrained
from clothier.learning.device import choose
from clothier.learning.finetune import answers, begin_learner, fit_probe, train_epoch
from clothier.learning.frozen import FrozenBlocks
from clothier.learning.photo_augment import varied
from clothier.records import EpochRecord, Outputs, silent
from clothier.runs import RUNS, Run, new_run
from clothier.workflows.deliver_photo import Taught, deliver_photo
from clothier.workflows.photo_lesson import read_lesson
from clothier.workflows.photo_options import photo_options_from_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.learning.finetune import Learner, Probe
    from clothier.learning.frozen import Halves
    from clothier.recipes.photo import PhotoAugment, PhotoRecipe
    from clothier.records import Floats, Labels, Progress
    from clothier.workflows.photo_lesson import Lesson
    from clothier.workflows.photo_options import PhotoOptions

    Rows = npt.NDArray[np.intp]
    Fold = tuple[Rows, Rows]

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2)  # C of the logistic regression that fine-tuning is held against
RESERVE = 1.15  # an epoch may take so much longer than the one before it, and a time limit is still kept
LEARNING, FIGURES = 2.3, 4.0  # what training on photos once, and what the figures cost, by looking at them once


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
    early, features = _looked(lesson, blocks, None, "frozen features", progress)
    clock = Clock(started, options.time_limit, time.perf_counter() - begun)
    strength, before = _baseline(features, labels, folds, classes, progress)
    rows = [*(learnt for learnt, _ in folds), lesson.known]  # of each fold's network, and of the final one
    probes = [fit_probe(features[one], labels[one], classes, recipe.probe) for one in rows]
    prepared = time.perf_counter() - started
    if recipe.epochs:
        learners = [begin_learner(probe, one, recipe) for probe, one in zip(probes, rows, strict=True)]
        records = _fine_tune(run, options, lesson, blocks, learners, (early, folds), clock, progress)
        outputs = [answers(one.kept, early, np.arange(len(labels)), recipe.frozen) for one in learners]
        network = learners[-1].kept
    else:
        records, network = [], begin_learner(probes[-1], lesson.known, recipe).kept
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


@dataclass(frozen=True, slots=True)
class Clock:
    """What time there is.

    Attributes:
        started: when the work began, as ``time.perf_counter`` counts.
        limit: seconds for all of it; None where there is none.
        look: seconds that looking at all photos once took, with nothing trained.
    """

    started: float
    limit: float | None
    look: float

    def epochs_left(self, wanted: int, records: Sequence[EpochRecord], learnt: float, now: float) -> int:
        """How many epochs may still be run: ``wanted``, or what the limit leaves beside the figures and the report.

        Args:
            wanted: by the recipe.
            records: of the epochs so far; before the first, it is told from the look how long it will take.
            learnt: photos that all networks learn from in an epoch, by the number of photos.
            now: as ``time.perf_counter`` counts.
        """
        if self.limit is None:
            return wanted
        epoch = records[-1].seconds if records else self.look * (1 + LEARNING * learnt)
        left = self.limit - (now - self.started) - FIGURES * self.look
        return max(0, min(wanted, int(left / (RESERVE * epoch))))


def _looked(
    lesson: Lesson,
    blocks: FrozenBlocks,
    epoch: tuple[int, int] | None,
    task: str,
    progress: Progress,
    augment: PhotoAugment | None = None,
) -> tuple[Halves, Floats]:
    """What the frozen blocks make of every photo, varied by the (seed, epoch), or as it is."""
    count = len(lesson.table)

    def view(row: int) -> npt.NDArray[np.uint8]:
        if epoch is None or augment is None:
            return np.asarray(lesson.views[row])
        return varied(lesson.images[row], blocks.side, augment, np.random.default_rng([*epoch, row]))

    return blocks.look(count, view, lambda done: progress(task, done, count))


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


def _fine_tune(
    run: Run,
    options: PhotoOptions,
    lesson: Lesson,
    blocks: FrozenBlocks,
    learners: list[Learner],
    test: tuple[Halves, list[Fold]],
    clock: Clock,
    progress: Progress,
) -> list[EpochRecord]:
    """All networks, epoch by epoch; each epoch is saved, and judged on the photographers that each fold keeps out."""
    recipe, labels = options.recipe, lesson.table.labels
    reached, records = photo_checkpoint.restore(run.checkpoint, learners)
    run.write_results(records)
    learnt = sum(len(one.rows) for one in learners) / len(labels)
    while reached < 1:
        begun, epoch = time.perf_counter(), len(records) + 1
        left = clock.epochs_left(recipe.epochs - len(records), records, learnt, begun)
        if left < 1:
            break
        span = (reached, reached + (1 - reached) / left)
        name = f"epoch {epoch}, photos"
        early, _ = _looked(lesson, blocks, (options.seed, epoch), name, progress, recipe.augment)
        for done in train_epoch(learners, early, labels, recipe, span=span, seed=(options.seed, epoch)):
            progress(f"epoch {epoch}, networks", done, len(learners))
        loss, accuracy = _judged(learners, labels, test, recipe)
        seconds = time.perf_counter() - begun
        records.append(
            EpochRecord(
                epoch=epoch,
                train_loss=float(np.mean([one.loss for one in learners])),
                train_accuracy=float(np.mean([one.right for one in learners])),
                validation_loss=loss,
                validation_accuracy=accuracy,
                learning_rate=learners[-1].optimizer.param_groups[0]["lr"],
                seconds=round(seconds, 3),
            )
        )
        reached = span[1] if left > 1 else 1.0
        photo_checkpoint.save(run.checkpoint, learners, reached, records)
        run.append_result(records[-1])
        progress("train photo", epoch, epoch + left - 1, f"photographers kept out: {100 * accuracy:.1f} %")
    return records


def _judged(
    learners: list[Learner], labels: Labels, test: tuple[Halves, list[Fold]], recipe: PhotoRecipe
) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy over all folds' kept-out photos."""
    early, folds = test
    losses, right = [], []
    for learner, (_, tested) in zip(learners, folds, strict=False):  # the last network has no photos left to judge it
        found: Outputs = answers(learner.kept, early, tested, recipe.frozen)
        scores = found.logits - found.logits.max(axis=1, keepdims=True)
        chance = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        losses.append(-chance[np.arange(len(tested)), labels[tested]])
        right.append(found.logits.argmax(1) == labels[tested])
    return float(np.concatenate(losses).mean()), float(np.concatenate(right).mean())
