"""Models held against labelled photos: each sees its own view of them, and is asked what it can know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.data.photo_table import UNKNOWN_LABEL, PhotoTable, read_photo_table
from clothier.errors import DataError
from clothier.evaluation.domain_gap import domain_gap
from clothier.evaluation.robustness import evaluate_corruptions
from clothier.selective.decisions import selective_metrics
from clothier.taxonomy import FASHION_MNIST_CLASSES, aggregate_to, class_index, to_fashion_class
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.evaluation.domain_gap import DomainGap
    from clothier.evaluation.photo_cache import PhotoCache
    from clothier.evaluation.robustness import RobustnessResult
    from clothier.inference.model import CalibratedOutput, Model
    from clothier.types import Classifier, Evaluation, FailedInput, Floats, Images, Progress

    Flags = npt.NDArray[np.bool_]

MIN_PROBABILITY = 1e-12  # a probability whose logarithm is taken
TRAINED_ON_WARNING = (
    "{} learnt from {:,} of these {:,} photos, so its figures here are too good; what it does on photographers that it "
    "did not learn from stands in its card, and other photos of yours would tell as well"
)


@dataclass(frozen=True, slots=True)
class PhotoEvaluation:
    """One model on a table of photos.

    Attributes:
        evaluation: over the photos inside its classes; macro figures over the classes that occur.
        selective: coverage, risk, promise and AUROC, where the model knows when to ask.
        gap: beside Fashion-MNIST's CNN, where the two share classes.
        robustness: on corrupted pictures, where that was asked for.
        failures: photos that could not be read, and are in no figure.
        n_trained_on: photos among those of the evaluation that the model learnt from, as far as it knows.
    """

    evaluation: Evaluation
    selective: Mapping[str, Any] | None = None
    gap: DomainGap | None = None
    robustness: RobustnessResult | None = None
    failures: tuple[FailedInput, ...] = ()
    n_trained_on: int = 0

    def to_json(self) -> dict[str, Any]:
        """What it adds to an evaluation in ``--json``."""
        return {
            "n_trained_on": self.n_trained_on,
            **(self.selective or {}),
            **({"domain_gap": self.gap.to_json()} if self.gap else {}),
            "failures": [one.to_json() for one in self.failures],
        }


def evaluate_photos(
    model: Model,
    photos: PhotoCache,
    *,
    baseline: Classifier | None = None,
    corruptions: bool = False,
    progress: Progress = no_progress,
) -> PhotoEvaluation:
    """Holds a model against labelled photos.

    Rows with an empty label count in the figures of abstaining only. A model of Fashion-MNIST is asked about the
    classes that it knows by another name (:data:`clothier.taxonomy.PHOTO_TO_FASHION_MNIST`); other rows are left out.

    Args:
        model: the model.
        photos: the table.
        baseline: Fashion-MNIST's CNN, to be held against the same photos.
        corruptions: hold the model against corrupted photos, too.
        progress: told of photos read and of corruptions.

    Raises:
        DataError: the table has labels that the model does not know, or none that it does.
    """
    exam = _run_model(model, photos)
    classifier, judged, table = model, exam.output, exam.table
    held = None
    if model.thresholds:
        held = selective_metrics(judged.probabilities, judged.ood_scores, table.labels, model.thresholds, exam.correct)
    gap = domain_gap(classifier, judged, table, photos, baseline) if baseline else None
    bad = None
    if corruptions:
        images = exam.images[exam.is_labeled]
        bad = evaluate_corruptions(classifier, images, exam.is_correct, name=classifier.name, progress=progress)
    n_learnt = int(model.was_trained_on(exam.images[exam.is_labeled]).sum())
    if n_learnt:
        progress("evaluate", 0, 0, TRAINED_ON_WARNING.format(classifier.name, n_learnt, int(exam.is_labeled.sum())))
    return PhotoEvaluation(present_classes_only(exam.evaluation), held, gap, bad, table.failures, n_learnt)


@dataclass(frozen=True, slots=True, eq=False)
class _PhotoResult:
    """What a model saw, what it said, and the truth in its words: N photos."""

    classifier: Classifier
    images: Images
    table: PhotoTable
    output: CalibratedOutput

    @property
    def is_labeled(self) -> Flags:
        """(N,) bool: the photos that have a label."""
        return np.asarray(self.table.labels != UNKNOWN_LABEL)

    @property
    def correct(self) -> Flags:
        """(N,) bool: where the answer, in the table's terms, is the label."""
        return np.asarray(self._aggregate(self.output.probabilities).argmax(axis=1) == self.table.labels)

    @property
    def evaluation(self) -> Evaluation:
        """The figures over the photos inside."""
        answers = self._aggregate(self.output.probabilities[self.is_labeled])
        return metrics.evaluate_logits(
            np.log(answers.clip(MIN_PROBABILITY)), self.table.labels[self.is_labeled], self.table.classes
        )

    def is_correct(self, logits: Floats, batch: slice) -> Flags:
        """The same of other logits, for a lot of the photos inside."""
        answers = self._aggregate(metrics.softmax(logits)).argmax(axis=1)
        return np.asarray(answers == self.table.labels[self.is_labeled][batch])

    def _aggregate(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return aggregate_to(probabilities, self.classifier.classes, self.table.classes)


def _run_model(model: Model, photos: PhotoCache) -> _PhotoResult:
    classifier = model
    images, table = photos.load_view(classifier.input_spec, labels_for(classifier, photos))
    if not (table.labels != UNKNOWN_LABEL).any():
        raise DataError(f"{table.name} has no readable photo with a label that {classifier.name} knows; give some.")
    return _PhotoResult(classifier, images, table, model.predict_images(images))


def labels_for(classifier: Classifier, photos: PhotoCache) -> PhotoTable:
    """The photos that a model can be asked about, labelled by its own words.

    Raises:
        DataError: a label that it does not know, or none that it does.
    """
    if classifier.classes != FASHION_MNIST_CLASSES:
        return read_photo_table(photos.path, columns=photos.columns, classes=classifier.classes)
    names = [to_fashion_class(word) for word in photos.table.raw_labels]
    labels = np.array([class_index(name) if name else UNKNOWN_LABEL for name in names], np.int64)
    kept = (labels != UNKNOWN_LABEL) | (photos.table.labels == UNKNOWN_LABEL)
    return replace(photos.table, labels=labels, classes=FASHION_MNIST_CLASSES).subset(kept)


def present_classes_only(evaluation: Evaluation) -> Evaluation:
    """The macro figures over the classes that have photos: one that is not asked about cannot be missed."""
    asked = [one for one in evaluation.per_class if one.n]
    means = {name: float(np.mean([getattr(one, name) for one in asked])) for name in ("f1", "recall")}
    return replace(evaluation, macro_f1=means["f1"], macro_recall=means["recall"])
