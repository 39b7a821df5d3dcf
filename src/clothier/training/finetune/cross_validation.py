"""What a photo model does on photographers that it did not learn from, put together from its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.metrics import softmax
from clothier.selective.calibrate_card import calibrate_card
from clothier.selective.decisions import is_in_distribution, risk_coverage, selective_metrics
from clothier.selective.ood import MIN_SAMPLES, OodScorer, fit_ood_scorer
from clothier.selective.temperature import fit_temperature
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import aggregate_to, map_labels, without_subclasses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.bundle import BundleMetadata
    from clothier.selective.decisions import RiskCoverage
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.types import Evaluation, Labels, ModelOutput

    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]
    Fold = tuple[Indices, Indices]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldPredictions:
    """N photos and the answers of networks that did not learn from them.

    Attributes:
        model_classes: the K classes of the model.
        model_logits: (N, K) float32 logits; of photos outside the classes the mean of all folds' answers.
        classes: the K' words that answers are counted in: broader ones where the labels know footwear both ways.
        labels: (N,) int64 in those words, -1 outside.
        groups: (N,) int64.
        folds: places learnt from and tested on.
        logits: (N, K') float64, the answers in those words.
        ood_scores: (N,) float64, as the answers; None where there are too few photos to tell strangers by.
    """

    model_classes: tuple[str, ...]
    model_logits: Doubles
    classes: tuple[str, ...]
    labels: Labels
    groups: Labels
    folds: Sequence[Fold]
    logits: Doubles
    ood_scores: Doubles | None

    @property
    def labeled_indices(self) -> Indices:
        """Places of the labelled photos."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def calibrated_logits(self) -> Doubles:
        """(N, K') logits, each fold divided by the temperature that the other folds want: no photo judges itself."""
        tempered = self.logits.copy()
        for _, tested in self.folds:
            others = np.setdiff1d(self.labeled_indices, tested)
            tempered[tested] /= fit_temperature(self.logits[others], self.labels[others])
        return tempered

    def evaluation(self) -> Evaluation:
        """Figures over the labelled photos."""
        return metrics.evaluate_logits(
            self.calibrated_logits[self.labeled_indices], self.labels[self.labeled_indices], self.classes
        )

    def arrays(self, files: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
        """As ``out_of_fold.npz`` holds it: labels in ``words``, logits by ``classes``; ``fold`` -1 is none."""
        fold = np.full(len(self.labels), -1)
        for place, (_, tested) in enumerate(self.folds):
            fold[tested] = place
        novelty = {} if self.ood_scores is None else {"novelty": self.ood_scores}
        return {
            "files": np.array(files),
            "classes": np.array(self.model_classes),
            "words": np.array(self.classes),
            "labels": self.labels,
            "groups": self.groups,
            "fold": fold,
            "logits": self.model_logits,
            **novelty,
        }

    def metrics_per_fold(self) -> list[dict[str, Any]]:
        """n, accuracy and macro recall of each fold; the recall over the classes that the fold has."""
        return fold_metrics(self.logits, self.labels, self.folds)

    def selective(self, card: BundleMetadata) -> dict[str, Any]:
        """Coverage, risk and the separation of strangers, with the card's own temperature and thresholds."""
        shares, right = self._predictions(card)
        held = selective_metrics(shares, self.ood_scores, self.labels, require_thresholds(card), right)
        return {**held, "n_ood": int((self.labels < 0).sum())}

    def risk_coverage_curve(self, card: BundleMetadata) -> RiskCoverage:
        """Risk by coverage of the labelled photos, the surest first, what looks like a stranger last."""
        shares, right = self._predictions(card)
        known = is_in_distribution(self.ood_scores, require_thresholds(card).max_ood, len(shares))
        sure = np.where(known, shares.max(axis=1), -np.inf)
        return risk_coverage(sure[self.labeled_indices], right[self.labeled_indices])

    def _predictions(self, card: BundleMetadata) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """(N, K) probabilities by the card's temperature, and (N,) which answers are right in the labels' words."""
        shares = softmax(self.model_logits / card.calibration["temperature"])
        return shares, aggregate_to(shares, self.model_classes, self.classes).argmax(axis=1) == self.labels

    def calibrate_card(self, card: BundleMetadata, grouped_by: str) -> BundleMetadata:
        """The card with temperature, thresholds and promise; the labels may be broader words than its classes."""
        return calibrate_card(
            card,
            self.model_logits,
            self.labels,
            self.groups,
            self.ood_scores,
            classes=self.classes,
            grouped_by=grouped_by,
        )


def require_thresholds(card: BundleMetadata) -> Thresholds:
    """A certified card's thresholds."""
    thresholds = Thresholds.from_json(card.thresholds)
    if thresholds is None:
        raise ValueError("the card was not certified")
    return thresholds


def out_of_fold_predictions(
    photos: PhotoTrainingData, folds: Sequence[Fold], outputs: Sequence[ModelOutput]
) -> OutOfFoldPredictions:
    """Puts the folds' answers together.

    Args:
        photos: the N photos.
        folds: places learnt from and tested on.
        outputs: of each fold's network, over all N photos.
    """
    words = without_subclasses(photos.table.classes)
    labels = map_labels(photos.table.labels, photos.table.classes, words)
    answers = combine_folds([np.asarray(one.logits, np.float64) for one in outputs], folds)
    banks = [_fit_ood_scorer(one, labels, learnt) for one, (learnt, _) in zip(outputs, folds, strict=True)]
    scores = None
    if all(bank is not None for bank in banks):
        found = [bank.score(one.embeddings) for bank, one in zip(banks, outputs, strict=True) if bank]
        scores = combine_folds(found, folds)
    counted = aggregate_logits(answers, photos.table.classes, words)
    return OutOfFoldPredictions(photos.table.classes, answers, words, labels, photos.groups, folds, counted, scores)


def combine_folds(fold_values: Sequence[Doubles], folds: Sequence[Fold]) -> Doubles:
    """Each photo's answer of the one network that did not learn from it; the mean of all where none did."""
    together = np.mean(fold_values, axis=0)
    for answer, (_, tested) in zip(fold_values, folds, strict=True):
        together[tested] = answer[tested]
    return np.asarray(together)


def _fit_ood_scorer(outputs: ModelOutput, labels: Labels, train_indices: Indices) -> OodScorer | None:
    return (
        fit_ood_scorer(outputs.embeddings[train_indices], labels[train_indices])
        if len(train_indices) >= MIN_SAMPLES
        else None
    )


def aggregate_logits(logits: npt.ArrayLike, classes: tuple[str, ...], target_classes: tuple[str, ...]) -> Doubles:
    """Logits in other words: probabilities are added up, and their logarithms taken again."""
    if target_classes == classes:
        return np.asarray(logits, np.float64)
    return np.log(np.maximum(aggregate_to(softmax(logits), classes, target_classes), 1e-30))


def fold_metrics(logits: npt.ArrayLike, labels: Labels, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """n, accuracy and macro recall of each fold; the recall over the classes that the fold has."""
    answers = np.asarray(logits).argmax(axis=1)
    return [_one_fold_metrics(answers[tested], labels[tested]) for _, tested in folds]


def _one_fold_metrics(predicted: Labels, labels: Labels) -> dict[str, Any]:
    right = predicted == labels
    recalls = [float(right[labels == label].mean()) for label in np.unique(labels)]
    return {"n": len(labels), "accuracy": float(right.mean()), "macro_recall": float(np.mean(recalls))}


def mean_over_folds(per_fold: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the folds, and their figures."""
    means = {name: float(np.mean([one[name] for one in per_fold])) for name in ("accuracy", "macro_recall")}
    return {**means, "folds": list(per_fold)}
