"""The epochs of a photo model: every fold's network and the final one, judged, saved, and ended early."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.metrics import evaluate_logits
from clothier.selective.temperature import fit_temperature
from clothier.training import checkpoint
from clothier.training.finetune.augment import augment_photo
from clothier.training.finetune.networks import predict, train_epoch
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoAugment, PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.finetune.features import Float16Array, FrozenFeatureExtractor
    from clothier.training.finetune.networks import FineTuneState
    from clothier.types import Evaluation, Floats, Progress

    Indices = npt.NDArray[np.intp]
    Fold = tuple[Indices, Indices]

SAFETY_FACTOR = 1.15  # an epoch may take so much longer than the one before it, and a time limit is still kept
TRAIN_COST, FINALIZE_COST = 2.3, 4.0  # what training on photos once, and what the figures cost, by looking at them once


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """What time there is.

    Attributes:
        started: when the work began, as ``time.perf_counter`` counts.
        limit: seconds for all of it; None where there is none.
        pass_seconds: seconds that looking at all photos once took, with nothing trained.
    """

    started: float
    limit: float | None
    pass_seconds: float

    def remaining_epochs(
        self, max_epochs: int, records: Sequence[EpochRecord], passes_per_epoch: float, now: float
    ) -> int:
        """How many epochs may still be run: ``max_epochs``, or what the limit leaves beside the figures and the report.

        Args:
            max_epochs: by the recipe.
            records: of the epochs so far; before the first, it is told from the look how long it will take.
            passes_per_epoch: photos that all networks learn from in an epoch, by the number of photos.
            now: as ``time.perf_counter`` counts.
        """
        if self.limit is None:
            return max_epochs
        epoch = records[-1].seconds if records else self.pass_seconds * (1 + TRAIN_COST * passes_per_epoch)
        left = self.limit - (now - self.started) - FINALIZE_COST * self.pass_seconds
        return max(0, min(max_epochs, int(left / (SAFETY_FACTOR * epoch))))


@dataclass(slots=True, eq=False)
class FineTuner:
    """What epochs are made of: N photos, and F + 1 networks.

    Attributes:
        recipe: every number.
        seed: of order, dropout, and how photos are varied.
        photos: the photos.
        extractor: the frozen ones.
        features: (N, C, H, W) float16, what they make of the photos as they are.
        folds: F pairs of places to learn from and to test on.
        states: each fold's network, and last the one that learns from all.
        progress: of the schedule, 0 to 1.
    """

    recipe: PhotoRecipe
    seed: int
    photos: PhotoTrainingData
    extractor: FrozenFeatureExtractor
    features: Float16Array
    folds: Sequence[Fold]
    states: Sequence[FineTuneState]
    progress: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"states": [one.state_dict() for one in self.states], "progress": self.progress}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a checkpoint."""
        for one, saved in zip(self.states, state["states"], strict=True):
            one.load_state_dict(saved)
        self.progress = float(state["progress"])

    def run_epoch(self, number: int, progress_range: tuple[float, float], progress: Progress) -> EpochRecord:
        """Trains every network once over its photos, and judges the folds' on those that they did not see.

        Args:
            number: 1 for the first.
            progress_range: progress of the whole training, 0 to 1, at its begin and end.
            progress: told of photos and networks.
        """
        begun, labels = time.perf_counter(), self.photos.table.labels
        seed, task = (self.seed, number), f"epoch {number}, photos"
        early, _ = extract_features(self.photos, self.extractor, task, progress, seed=seed, augment=self.recipe.augment)
        for done in train_epoch(self.states, early, labels, self.recipe, progress_range=progress_range, seed=seed):
            progress(f"epoch {number}, networks", done, len(self.states))
        kept_out = self.evaluate()
        return EpochRecord(
            epoch=number,
            train_loss=float(np.mean([one.loss for one in self.states])),
            train_accuracy=float(np.mean([one.accuracy for one in self.states])),
            validation_loss=kept_out.nll,
            validation_accuracy=kept_out.accuracy,
            learning_rate=self.states[-1].optimizer.param_groups[0]["lr"],
            seconds=round(time.perf_counter() - begun, 3),
        )

    def evaluate(self) -> Evaluation:
        """The running means' figures over all photos that a fold keeps out, at the temperature that suits them best.

        Label smoothing leaves the networks less sure than they could be, each epoch in another measure; the
        temperature, which is fitted in the end anyway, makes epochs comparable.
        """
        tested = [rows for _, rows in self.folds]
        pairs = zip(self.states, tested, strict=False)  # the last network has no photos left to judge it
        logits = np.concatenate(
            [predict(one.ema, self.features, rows, self.recipe.frozen_blocks).logits for one, rows in pairs]
        )
        labels = self.photos.table.labels[np.concatenate(tested)]
        return evaluate_logits(logits / fit_temperature(logits, labels), labels, self.photos.table.classes)


def fine_tune(run: Run, tuner: FineTuner, budget: TimeBudget, progress: Progress) -> list[EpochRecord]:
    """All epochs of a recipe, or fewer: the time is up, or photographers kept out have gained nothing for a while.

    Each epoch is saved. Every learner's ``best`` is left as it was after the epoch with the lowest loss on
    photographers kept out.

    Args:
        run: its checkpoint is taken up, if it has one.
        tuner: what is trained.
        budget: when to end.
        progress: told of every epoch.
    """
    recipe, learners = tuner.recipe, tuner.states
    records = checkpoint.resume(run, tuner)
    learnt = sum(len(one.train_indices) for one in learners) / len(tuner.photos.table)
    while tuner.progress < 1 and not should_stop(records, recipe.patience):
        wanted, number = recipe.epochs - len(records), len(records) + 1
        left = budget.remaining_epochs(wanted, records, learnt, time.perf_counter())
        if left < 1:
            break
        span = (tuner.progress, tuner.progress + (1 - tuner.progress) / left)
        records.append(tuner.run_epoch(number, span, progress))
        if best_epoch(records) == number:
            for learner in learners:
                learner.update_best()
        tuner.progress = span[1] if left > 1 else 1.0
        checkpoint.save(run.checkpoint, tuner, records)
        run.append_result(records[-1])
        accuracy = records[-1].validation_accuracy or 0.0
        progress("train photo", number, number + left - 1, f"photographers kept out: {100 * accuracy:.1f} %")
    return records


def best_epoch(records: Sequence[EpochRecord]) -> int:
    """The number of the epoch with the lowest loss on photographers kept out; the first of equals, 0 of none."""
    losses = [record.validation_loss or 0.0 for record in records]
    return losses.index(min(losses)) + 1 if losses else 0


def should_stop(records: Sequence[EpochRecord], patience: int) -> bool:
    """Whether ``patience`` epochs have passed since the best one."""
    return len(records) - best_epoch(records) >= patience


def extract_features(
    photos: PhotoTrainingData,
    extractor: FrozenFeatureExtractor,
    task: str,
    progress: Progress,
    *,
    seed: tuple[int, int] | None = None,
    augment: PhotoAugment | None = None,
) -> tuple[Float16Array, Floats]:
    """What the frozen blocks make of every photo, varied by the (seed, epoch), or as it is; and its embedding."""
    count = len(photos.table)

    def view(row: int) -> npt.NDArray[np.uint8]:
        if seed is None or augment is None:
            return np.asarray(photos.inputs[row])
        return augment_photo(photos.images[row], extractor.side, augment, np.random.default_rng([*seed, row]))

    return extractor.extract(count, view, lambda done: progress(task, done, count))
