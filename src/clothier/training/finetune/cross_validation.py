"""Cross-validation of a photo model by groups: training on all folds, out-of-fold predictions and their metrics.

Legend: N photos, F folds, K classes of the model, L classes of the metrics.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from clothier import metrics
from clothier.clustered import clustered_standard_error, grouped_test
from clothier.metrics import softmax
from clothier.selective.ood import MIN_SAMPLES, fit_ood_scorer
from clothier.selective.temperature import cross_fit
from clothier.taxonomy import aggregate_to, counted_as, map_labels, without_subclasses
from clothier.training.device import tune_malloc
from clothier.training.finetune.data import split_folds
from clothier.training.finetune.efficientnet_lite import BACKBONES
from clothier.training.finetune.epochs import FineTuner, fine_tune, init_fine_tune_state
from clothier.training.finetune.features import extract_frozen, fit_linear_probe, predict
from clothier.training.finetune.initial_weights import choose_start
from clothier.training.schedules import TimeBudget, best_epoch
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.data import Indices, PhotoTrainingData
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite
    from clothier.training.finetune.initial_weights import Candidates, Start
    from clothier.types import EpochRecord, Evaluation, Float64Array, Int64Array, Labels, Progress

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class FineTuneResult:
    """A trained photo model and the outputs of its cross-validation."""

    network: EfficientNetLite  # the final one, trained on all labeled photos
    recipe: PhotoRecipe
    seed: int
    folds: Int64Array  # (N,), the fold that tests each photo
    fold_outputs: tuple[ModelOutput, ...]  # of each fold's network, for all N photos
    final_output: ModelOutput  # of the final network, for all N photos
    start: Start  # the network that training started from, and the baseline
    records: tuple[EpochRecord, ...]
    seconds: float  # from the files to the final weights


def train_photo_model(
    run: Run,
    recipe: PhotoRecipe,
    photos: PhotoTrainingData,
    candidates: Candidates,
    *,
    seed: int,
    started: float,
    time_limit: float | None,
    progress: Progress,
) -> FineTuneResult:
    """Fits linear probes on frozen features and fine-tunes them, unless the recipe has no epochs.

    Training starts from the best of the ``candidates``. A run that has a checkpoint is continued.
    ``time_limit`` is in seconds from ``started``, by ``time.perf_counter``.

    Raises:
        DataError: all photos belong to one group, or the folds of a continued run have changed.
        ModelError: the package with the backbone's weights is altered, or the checkpoint is missing or damaged.
    """
    tune_malloc()
    labels = photos.table.labels
    folds = photos.folds(recipe.folds, seed)
    pass_started = time.perf_counter()
    extract = partial(extract_frozen, stages=recipe.frozen_stages, inputs=photos.inputs, progress=progress)
    start = choose_start(run, candidates, extract, photos.table, folds, progress)
    seconds_per_pass = (time.perf_counter() - pass_started) / len(candidates.networks)
    budget = TimeBudget(started, time_limit, seconds_per_pass)
    frozen, (trains, tests) = start.frozen, zip(*split_folds(folds, labels), strict=True)
    train_sets = [*trains, photos.labeled_indices]  # of each fold, and of the final network
    fit = partial(fit_linear_probe, n_classes=len(photos.table.classes), inverse_reg=recipe.probe_c)
    probes = [fit(frozen.embeddings[rows], labels[rows]) for rows in _reported(train_sets, "linear probes", progress)]
    prepared = time.perf_counter() - started
    records: list[EpochRecord] = []
    if recipe.epochs:
        initial = partial(init_fine_tune_state, start.network, recipe=recipe)
        states = [initial(probe, rows) for probe, rows in zip(probes, train_sets, strict=True)]
        augmented = partial(frozen.extractor.extract_augmented, photos.images, recipe.augment, seed)
        features, order = frozen.features, photos.order_digest
        tuner = FineTuner(recipe, seed, photos.table, photos.grouped_by, features, augmented, tests, states, order)
        records = fine_tune(run, tuner, budget, progress)
        network, outputs = tuner.states[-1].best_ema, _outputs(tuner, progress)
    else:
        network = init_fine_tune_state(start.network, probes[-1], train_sets[-1], recipe).best_ema
        outputs = [ModelOutput(probe.logits(frozen.embeddings), frozen.embeddings) for probe in probes]
        run.write_results(records)
    return FineTuneResult(
        network=network,
        recipe=recipe,
        seed=seed,
        folds=folds,
        fold_outputs=tuple(outputs[:-1]),
        final_output=outputs[-1],
        start=start,
        records=tuple(records),
        seconds=prepared + sum(record.seconds for record in records),  # a resumed run counts its earlier epochs
    )


def _outputs(tuner: FineTuner, progress: Progress) -> list[ModelOutput]:
    """Of each network's best weights, for all N photos."""
    rows, frozen_stages = np.arange(len(tuner.table)), tuner.recipe.frozen_stages
    states = _reported(tuner.states, "predictions of all photos", progress)
    return [predict(state.best_ema, tuner.features, rows, frozen_stages) for state in states]


def _reported(items: Sequence[T], task: str, progress: Progress) -> Iterator[T]:
    """The items; each is reported when the next one is asked for."""
    progress(task, 0, len(items))
    for done, item in enumerate(items, 1):
        yield item
        progress(task, done, len(items))


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldPredictions:
    """Predictions for N photos by the model of the fold that excludes the photo."""

    model_classes: tuple[str, ...]  # the K classes of the model
    model_logits: Float64Array  # (N, K)
    classes: tuple[str, ...]  # the L classes of the metrics: without subclasses whose parent class the model has too
    labels: Labels  # (N,), indices into `classes`; -1 for photos of no class
    groups: Int64Array  # (N,); every photo is its own group if the table has none
    folds: Int64Array  # (N,)
    logits: Float64Array  # (N, L)
    calibrated_logits: Float64Array  # (N, L), each fold divided by a temperature that was fitted on the other folds
    ood_scores: Float64Array | None  # (N,); None if a fold has too few photos to fit an OOD score

    @property
    def labeled_indices(self) -> Indices:
        """Indices of the labeled photos."""
        return np.flatnonzero(self.labels >= 0)

    def evaluation(self) -> Evaluation:
        """Metrics over the labeled photos; the standard error is robust to groups."""
        rows = self.labeled_indices
        found = metrics.evaluate_logits(self.calibrated_logits[rows], self.labels[rows], self.classes)
        correct = self.calibrated_logits[rows].argmax(axis=1) == self.labels[rows]
        return replace(found, standard_error=clustered_standard_error(correct, self.groups[rows]))


def out_of_fold_predictions(photos: PhotoTrainingData, result: FineTuneResult) -> OutOfFoldPredictions:
    """Combines the outputs of each fold's network, for all N photos, to out-of-fold predictions."""
    model_classes, classes = photos.table.classes, without_subclasses(photos.table.classes)
    labels = map_labels(photos.table.labels, model_classes, classes)
    model_logits = combine_folds([np.asarray(one.logits, np.float64) for one in result.fold_outputs], result.folds)
    logits = aggregate_logits(model_logits, model_classes, classes)
    return OutOfFoldPredictions(
        model_classes=model_classes,
        model_logits=model_logits,
        classes=classes,
        labels=labels,
        groups=photos.groups,
        folds=result.folds,
        logits=logits,
        calibrated_logits=cross_fit(logits, labels, split_folds(result.folds, labels)),
        ood_scores=_out_of_fold_ood_scores(labels, result),
    )


def combine_folds(fold_values: Sequence[Float64Array], folds: Int64Array) -> Float64Array:
    """For each photo the value of the fold that tests it."""
    return np.asarray(np.stack(fold_values)[folds, np.arange(len(folds))])


def aggregate_logits(logits: npt.ArrayLike, classes: Sequence[str], target_classes: Sequence[str]) -> Float64Array:
    """Logits (N, K) of ``classes`` to logits (N, L) of ``target_classes``: probabilities of subclasses are added."""
    if list(target_classes) == list(classes):
        return np.asarray(logits, np.float64)
    return np.log(np.maximum(aggregate_to(softmax(logits), classes, target_classes), 1e-30))


def _out_of_fold_ood_scores(labels: Labels, result: FineTuneResult) -> Float64Array | None:
    pairs = split_folds(result.folds, labels)
    if min(len(train) for train, _ in pairs) < MIN_SAMPLES:
        return None
    scores = [
        fit_ood_scorer(output.embeddings[train], labels[train]).score(output.embeddings)
        for output, (train, _) in zip(result.fold_outputs, pairs, strict=True)
    ]
    return combine_folds(scores, result.folds)


def fold_metrics(logits: npt.ArrayLike, labels: Labels, folds: Int64Array) -> dict[str, Any]:
    """Means over the folds of accuracy and macro recall, and each fold's ``folds``; recall over the fold's classes."""
    correct = np.asarray(logits).argmax(axis=1) == labels
    per_fold = []
    for _, test in split_folds(folds, labels):
        recalls = [float(correct[test][labels[test] == label].mean()) for label in np.unique(labels[test])]
        accuracy, macro_recall = float(correct[test].mean()), float(np.mean(recalls))
        per_fold.append({"n": len(test), "accuracy": accuracy, "macro_recall": macro_recall})
    means = {name: float(np.mean([one[name] for one in per_fold])) for name in ("accuracy", "macro_recall")}
    return {**means, "folds": per_fold}


def baseline_comparison(result: FineTuneResult, oof: OutOfFoldPredictions) -> dict[str, Any]:
    """Logistic regression on frozen features and this model on the same folds: means, gain and a test over groups."""
    start = result.start
    baseline_name = f"frozen {start.weights.name} features, logistic regression (C = {start.baseline_c:g})"
    baseline_logits = aggregate_logits(start.baseline_logits, oof.model_classes, oof.classes)
    baseline, model = (fold_metrics(logits, oof.labels, oof.folds) for logits in (baseline_logits, oof.logits))
    labeled = oof.labels >= 0
    correct, baseline_correct = (
        (logits.argmax(axis=1) == oof.labels)[labeled] for logits in (oof.logits, baseline_logits)
    )
    return {
        "baseline": {"name": baseline_name, **baseline},
        "model": {"name": f"photo {result.recipe.preset}", **model},
        "gain": {name: model[name] - baseline[name] for name in ("accuracy", "macro_recall")},
        "grouped_test": grouped_test(correct, baseline_correct, oof.groups[labeled]).to_json(),
    }


def protocol(result: FineTuneResult, photos: PhotoTrainingData) -> str:
    """How the metrics were measured, in sentences."""
    if photos.table.has_groups:
        grouped = f"split by {photos.grouped_by}"
    else:
        grouped = "split at random because the table has no groups: photos of one person may be on both sides"
    selection = ""
    if len(result.records) > 1:
        selection = (
            f"Epoch {best_epoch(result.records)} of {len(result.records)} was selected, which has the lowest loss on "
            "these predictions, so these results are slightly optimistic. "
        )
    broader = counted_as(photos.table.classes, without_subclasses(photos.table.classes))
    subclasses = (
        f"{', '.join(broader)} count as right for {', '.join(sorted(set(broader.values())))}. " if broader else ""
    )
    return (
        f"{len(result.fold_outputs)} folds of {len(photos.labeled_indices):,} labeled photos, {grouped} "
        f"(StratifiedGroupKFold, shuffled, random_state {result.seed}). Each photo is predicted by the model of the "
        "fold that excludes it. Accuracy, recall and calibration are over all these predictions; each fold's "
        "temperature is fitted on the other folds. The thresholds are fitted on the same predictions. "
        f"{subclasses}The backbone is {BACKBONES[result.recipe.backbone].title}. {result.start.weights.summary()} "
        f"{selection}The final network is trained on all labeled photos; "
        "it has no held-out photos of its own."
    )
