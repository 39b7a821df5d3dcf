"""What a photo model does on photographers that it did not learn from, put together from its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.metrics import softmax
from clothier.selective.calibrate_card import certify
from clothier.selective.decisions import familiar, held_to, risk_coverage
from clothier.selective.ood import FEWEST, Novelty, fit_novelty
from clothier.selective.temperature import fit_temperature
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import in_terms_of
from clothier.training.finetune.data import counted_in, reworded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.bundle import Card
    from clothier.selective.decisions import RiskCoverage
    from clothier.training.finetune.data import Lesson
    from clothier.types import Evaluation, Labels, Outputs

    Doubles = npt.NDArray[np.float64]
    Rows = npt.NDArray[np.intp]
    Fold = tuple[Rows, Rows]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """N photos and the answers of networks that did not learn from them.

    Attributes:
        known_as: the K classes of the model.
        answers: (N, K) float32 logits; of photos outside the classes the mean of all folds' answers.
        classes: the K' words that answers are counted in: broader ones where the labels know footwear both ways.
        labels: (N,) int64 in those words, -1 outside.
        groups: (N,) int64.
        folds: places learnt from and tested on.
        logits: (N, K') float64, the answers in those words.
        novelty: (N,) float64, as the answers; None where there are too few photos to tell strangers by.
    """

    known_as: tuple[str, ...]
    answers: Doubles
    classes: tuple[str, ...]
    labels: Labels
    groups: Labels
    folds: Sequence[Fold]
    logits: Doubles
    novelty: Doubles | None

    @property
    def known(self) -> Rows:
        """Places of the labelled photos."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def tempered(self) -> Doubles:
        """(N, K') logits, each fold divided by the temperature that the other folds want: no photo judges itself."""
        tempered = self.logits.copy()
        for _, tested in self.folds:
            others = np.setdiff1d(self.known, tested)
            tempered[tested] /= fit_temperature(self.logits[others], self.labels[others])
        return tempered

    def evaluation(self) -> Evaluation:
        """Figures over the labelled photos."""
        return metrics.evaluate(self.tempered[self.known], self.labels[self.known], self.classes)

    def arrays(self, files: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
        """As ``out_of_fold.npz`` holds it: labels in ``words``, logits by ``classes``; ``fold`` -1 is none."""
        fold = np.full(len(self.labels), -1)
        for place, (_, tested) in enumerate(self.folds):
            fold[tested] = place
        novelty = {} if self.novelty is None else {"novelty": self.novelty}
        return {
            "files": np.array(files),
            "classes": np.array(self.known_as),
            "words": np.array(self.classes),
            "labels": self.labels,
            "groups": self.groups,
            "fold": fold,
            "logits": self.answers,
            **novelty,
        }

    def by_fold(self) -> list[dict[str, Any]]:
        """n, accuracy and macro recall of each fold; the recall over the classes that the fold has."""
        return fold_figures(self.logits, self.labels, self.folds)

    def selective(self, card: Card) -> dict[str, Any]:
        """Coverage, risk and the separation of strangers, with the card's own temperature and thresholds."""
        shares, right = self._judged(card)
        held = held_to(shares, self.novelty, self.labels, thresholds_of(card), right)
        return {**held, "n_outside": int((self.labels < 0).sum())}

    def curve(self, card: Card) -> RiskCoverage:
        """Risk by coverage of the labelled photos, the surest first, what looks like a stranger last."""
        shares, right = self._judged(card)
        known = familiar(self.novelty, thresholds_of(card).reject, len(shares))
        sure = np.where(known, shares.max(axis=1), -np.inf)
        return risk_coverage(sure[self.known], right[self.known])

    def _judged(self, card: Card) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """(N, K) probabilities by the card's temperature, and (N,) which answers are right in the labels' words."""
        shares = softmax(self.answers / card.calibration["temperature"])
        return shares, in_terms_of(shares, self.known_as, self.classes).argmax(axis=1) == self.labels

    def certified(self, card: Card, grouped_by: str) -> Card:
        """The card with temperature, thresholds and promise; the labels may be broader words than its classes."""
        return certify(
            card, self.answers, self.labels, self.groups, self.novelty, classes=self.classes, grouped_by=grouped_by
        )


def thresholds_of(card: Card) -> Thresholds:
    """A certified card's thresholds."""
    thresholds = Thresholds.from_json(card.thresholds)
    if thresholds is None:
        raise ValueError("the card was not certified")
    return thresholds


def out_of_fold(lesson: Lesson, folds: Sequence[Fold], outputs: Sequence[Outputs]) -> OutOfFold:
    """Puts the folds' answers together.

    Args:
        lesson: the N photos.
        folds: places learnt from and tested on.
        outputs: of each fold's network, over all N photos.
    """
    words = counted_in(lesson.table.classes)
    labels = reworded(lesson.table.labels, lesson.table.classes, words)
    answers = put_together([np.asarray(one.logits, np.float64) for one in outputs], folds)
    banks = [_novelty(one, labels, learnt) for one, (learnt, _) in zip(outputs, folds, strict=True)]
    scores = None
    if all(bank is not None for bank in banks):
        found = [bank.score(one.logits, one.embeddings) for bank, one in zip(banks, outputs, strict=True) if bank]
        scores = put_together(found, folds)
    counted = logits_in(answers, lesson.table.classes, words)
    return OutOfFold(lesson.table.classes, answers, words, labels, lesson.groups, folds, counted, scores)


def put_together(answers: Sequence[Doubles], folds: Sequence[Fold]) -> Doubles:
    """Each photo's answer of the one network that did not learn from it; the mean of all where none did."""
    together = np.mean(answers, axis=0)
    for answer, (_, tested) in zip(answers, folds, strict=True):
        together[tested] = answer[tested]
    return np.asarray(together)


def _novelty(outputs: Outputs, labels: Labels, learnt: Rows) -> Novelty | None:
    return fit_novelty(outputs.embeddings[learnt], labels[learnt]) if len(learnt) >= FEWEST else None


def logits_in(logits: npt.ArrayLike, classes: tuple[str, ...], words: tuple[str, ...]) -> Doubles:
    """Logits in other words: probabilities are added up, and their logarithms taken again."""
    if words == classes:
        return np.asarray(logits, np.float64)
    return np.log(np.maximum(in_terms_of(softmax(logits), classes, words), 1e-30))


def fold_figures(logits: npt.ArrayLike, labels: Labels, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """n, accuracy and macro recall of each fold; the recall over the classes that the fold has."""
    answers = np.asarray(logits).argmax(axis=1)
    return [_fold_figure(answers[tested], labels[tested]) for _, tested in folds]


def _fold_figure(answers: Labels, labels: Labels) -> dict[str, Any]:
    right = answers == labels
    recalls = [float(right[labels == label].mean()) for label in np.unique(labels)]
    return {"n": len(labels), "accuracy": float(right.mean()), "macro_recall": float(np.mean(recalls))}


def mean_of(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the folds, and their figures."""
    means = {name: float(np.mean([one[name] for one in figures])) for name in ("accuracy", "macro_recall")}
    return {**means, "folds": list(figures)}
