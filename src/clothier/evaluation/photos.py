"""Models held against labelled photos: each sees its own view of them, and is asked what it can know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.data.photo_table import OUTSIDE, PhotoTable, read_photo_table
from clothier.errors import DataError
from clothier.evaluation.domain_gap import domain_gap, fashion_word
from clothier.evaluation.robustness import corrupt
from clothier.selective.decisions import held_to
from clothier.taxonomy import FASHION_MNIST, class_index, in_terms_of
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.evaluation.domain_gap import DomainGap
    from clothier.evaluation.photo_cache import Photos
    from clothier.evaluation.robustness import Corrupted
    from clothier.inference.predictor import Judge, Judged
    from clothier.types import Classifier, Evaluation, FailedInput, Floats, Images, Progress

    Flags = npt.NDArray[np.bool_]

LEAST = 1e-12  # a probability whose logarithm is taken
LEARNT = (
    "{} learnt from {:,} of these {:,} photos, so its figures here are too good; what it does on photographers that it "
    "did not learn from stands in its card, and other photos of yours would tell as well"
)


@dataclass(frozen=True, slots=True)
class PhotoEvaluation:
    """One model on a table of photos.

    Attributes:
        evaluation: over the photos inside its classes; macro figures over the classes that occur.
        abstaining: coverage, risk, promise and AUROC, where the model knows when to ask.
        gap: beside Fashion-MNIST's CNN, where the two share classes.
        corrupted: on corrupted pictures, where that was asked for.
        failures: photos that could not be read, and are in no figure.
        n_learnt: photos among those of the evaluation that the model learnt from, as far as it knows.
    """

    evaluation: Evaluation
    abstaining: Mapping[str, Any] | None = None
    gap: DomainGap | None = None
    corrupted: Corrupted | None = None
    failures: tuple[FailedInput, ...] = ()
    n_learnt: int = 0

    def to_json(self) -> dict[str, Any]:
        """What it adds to an evaluation in ``--json``."""
        return {
            "n_learnt": self.n_learnt,
            **(self.abstaining or {}),
            **({"domain_gap": self.gap.to_json()} if self.gap else {}),
            "failures": [one.to_json() for one in self.failures],
        }


def evaluate_photos(
    judge: Judge,
    photos: Photos,
    *,
    rival: Classifier | None = None,
    corruptions: bool = False,
    progress: Progress = silent,
) -> PhotoEvaluation:
    """Holds a model against labelled photos.

    Rows with an empty label count in the figures of abstaining only. A model of Fashion-MNIST is asked about the
    classes that it knows by another name (:data:`clothier.taxonomy.FASHION_MNIST_OF`); other rows are left out.

    Args:
        judge: the model.
        photos: the table.
        rival: Fashion-MNIST's CNN, to be held against the same photos.
        corruptions: hold the model against corrupted photos, too.
        progress: told of photos read and of corruptions.

    Raises:
        DataError: the table has labels that the model does not know, or none that it does.
    """
    exam = _sit(judge, photos)
    classifier, judged, table = judge.classifier, exam.judged, exam.table
    held = None
    if judge.thresholds:
        held = held_to(judged.probabilities, judged.novelty, table.labels, judge.thresholds, exam.right)
    gap = domain_gap(classifier, judged, table, photos, rival) if rival else None
    bad = None
    if corruptions:
        images = exam.images[exam.inside]
        bad = corrupt(classifier, images, exam.is_right, name=classifier.name, progress=progress)
    n_learnt = int(judge.learnt_from(exam.images[exam.inside]).sum())
    if n_learnt:
        progress("evaluate", 0, 0, LEARNT.format(classifier.name, n_learnt, int(exam.inside.sum())))
    return PhotoEvaluation(of_those_that_occur(exam.evaluation), held, gap, bad, table.failures, n_learnt)


@dataclass(frozen=True, slots=True, eq=False)
class _Exam:
    """What a model saw, what it said, and the truth in its words: N photos."""

    classifier: Classifier
    images: Images
    table: PhotoTable
    judged: Judged

    @property
    def inside(self) -> Flags:
        """(N,) bool: the photos that have a label."""
        return np.asarray(self.table.labels != OUTSIDE)

    @property
    def right(self) -> Flags:
        """(N,) bool: where the answer, in the table's terms, is the label."""
        return np.asarray(self._terms(self.judged.probabilities).argmax(axis=1) == self.table.labels)

    @property
    def evaluation(self) -> Evaluation:
        """The figures over the photos inside."""
        answers = self._terms(self.judged.probabilities[self.inside])
        return metrics.evaluate(np.log(answers.clip(LEAST)), self.table.labels[self.inside], self.table.classes)

    def is_right(self, logits: Floats, lot: slice) -> Flags:
        """The same of other logits, for a lot of the photos inside."""
        answers = self._terms(metrics.softmax(logits)).argmax(axis=1)
        return np.asarray(answers == self.table.labels[self.inside][lot])

    def _terms(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return in_terms_of(probabilities, self.classifier.classes, self.table.classes)


def _sit(judge: Judge, photos: Photos) -> _Exam:
    classifier = judge.classifier
    images, table = photos.seen(classifier.view, in_words_of(classifier, photos))
    if not (table.labels != OUTSIDE).any():
        raise DataError(f"{table.name} has no readable photo with a label that {classifier.name} knows; give some.")
    return _Exam(classifier, images, table, judge.judge(images))


def in_words_of(classifier: Classifier, photos: Photos) -> PhotoTable:
    """The photos that a model can be asked about, labelled by its own words.

    Raises:
        DataError: a label that it does not know, or none that it does.
    """
    if classifier.classes != FASHION_MNIST:
        return read_photo_table(photos.path, columns=photos.columns, classes=classifier.classes)
    names = [fashion_word(word) for word in photos.table.words]
    labels = np.array([class_index(name) if name else OUTSIDE for name in names], np.int64)
    kept = (labels != OUTSIDE) | (photos.table.labels == OUTSIDE)
    return replace(photos.table, labels=labels, classes=FASHION_MNIST).take(kept)


def of_those_that_occur(evaluation: Evaluation) -> Evaluation:
    """The macro figures over the classes that have photos: one that is not asked about cannot be missed."""
    asked = [one for one in evaluation.per_class if one.n]
    means = {name: float(np.mean([getattr(one, name) for one in asked])) for name in ("f1", "recall")}
    return replace(evaluation, macro_f1=means["f1"], macro_recall=means["recall"])
