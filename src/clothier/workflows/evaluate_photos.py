"""Models held against labelled photos: each sees its own view of them, and is asked what it can know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.analysis import metrics
from clothier.analysis.selective import held_to
from clothier.data.photo_table import OUTSIDE, PhotoTable, load_photos, read_photo_table
from clothier.errors import DataError
from clothier.records import silent
from clothier.taxonomy import FASHION_MNIST, FASHION_MNIST_OF, class_index, in_terms_of
from clothier.workflows.evaluate_corrupted import corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.photo_table import Columns
    from clothier.records import Classifier, Evaluation, FailedInput, Floats, Images, Progress, View
    from clothier.workflows.evaluate_corrupted import Corrupted
    from clothier.workflows.judging import Judge, Judged

    Flags = npt.NDArray[np.bool_]

LEAST = 1e-12  # a probability whose logarithm is taken


class Photos:
    """The photos of a table, each view of them decoded once.

    Attributes:
        table: in the table's own words.
        path: where it stands.
        columns: of a CSV.
    """

    def __init__(self, path: Path, columns: Columns, progress: Progress = silent) -> None:
        """Reads the table and tells ``progress`` of what is odd in it; photos are opened when they are asked for.

        Raises:
            DataError: the table cannot be read.
        """
        self.path, self.columns, self._progress = path, columns, progress
        self.table = read_photo_table(path, columns=columns)
        self._views: dict[View, tuple[Images, PhotoTable]] = {}
        for note in self.table.notes:
            progress("evaluate", 0, 0, note)

    def seen(self, view: View, asked: PhotoTable) -> tuple[Images, PhotoTable]:
        """The readable photos of ``asked``, whose files are among the table's, in a view; and the table of those."""
        if view not in self._views:
            self._views[view] = load_photos(self.table, view, progress=self._progress)
        images, readable = self._views[view]
        place = {file: row for row, file in enumerate(readable.files)}
        kept = np.array([file in place for file in asked.files], bool)
        rows = [place[file] for file in asked.files if file in place]
        return images[rows], replace(asked.take(kept), failures=readable.failures)


@dataclass(frozen=True, slots=True)
class DomainGap:
    """A photo model and a model of Fashion-MNIST on the same photos.

    Attributes:
        n: photos whose class both know.
        accuracy: name of the model to its accuracy on them, 0 to 1.
        per_class: class in Fashion-MNIST's words to its number of photos and each model's recall.
    """

    n: int
    accuracy: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        rows = [{"class": name, **figures} for name, figures in self.per_class.items()]
        return {"n": self.n, "accuracy": dict(self.accuracy), "per_class": rows}


@dataclass(frozen=True, slots=True)
class PhotoEvaluation:
    """One model on a table of photos.

    Attributes:
        evaluation: over the photos inside its classes; macro figures over the classes that occur.
        abstaining: coverage, risk, promise and AUROC, where the model knows when to ask.
        gap: beside Fashion-MNIST's CNN, where the two share classes.
        corrupted: on corrupted pictures, where that was asked for.
        failures: photos that could not be read, and are in no figure.
    """

    evaluation: Evaluation
    abstaining: Mapping[str, Any] | None = None
    gap: DomainGap | None = None
    corrupted: Corrupted | None = None
    failures: tuple[FailedInput, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What it adds to an evaluation in ``--json``."""
        return {
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
    classifier = judge.classifier
    images, table = photos.seen(classifier.view, in_words_of(classifier, photos))
    judged, inside = judge.judge(images), table.labels != OUTSIDE
    if not inside.any():
        raise DataError(f"{table.name} has no readable photo with a label that {classifier.name} knows; give some.")
    answers = in_terms_of(judged.probabilities, classifier.classes, table.classes)
    right = answers.argmax(axis=1) == table.labels
    evaluation = metrics.evaluate(np.log(answers[inside].clip(LEAST)), table.labels[inside], table.classes)

    def is_right(logits: Floats, lot: slice) -> Flags:
        terms = in_terms_of(metrics.softmax(logits), classifier.classes, table.classes)
        return np.asarray(terms.argmax(axis=1) == table.labels[inside][lot])

    return PhotoEvaluation(
        of_those_that_occur(evaluation),
        held_to(judged.probabilities, judged.novelty, table.labels, judge.thresholds, right)
        if judge.thresholds
        else None,
        domain_gap(classifier, judged, table, photos, rival) if rival else None,
        corrupt(classifier, images[inside], is_right, name=classifier.name, progress=progress) if corruptions else None,
        table.failures,
    )


def in_words_of(classifier: Classifier, photos: Photos) -> PhotoTable:
    """The photos that a model can be asked about, labelled by its own words.

    Raises:
        DataError: a label that it does not know, or none that it does.
    """
    if classifier.classes != FASHION_MNIST:
        return read_photo_table(photos.path, columns=photos.columns, classes=classifier.classes)
    names = [_fashion_word(word) for word in photos.table.words]
    labels = np.array([class_index(name) if name else OUTSIDE for name in names], np.int64)
    kept = (labels != OUTSIDE) | (photos.table.labels == OUTSIDE)
    return replace(photos.table, labels=labels, classes=FASHION_MNIST).take(kept)


def domain_gap(
    classifier: Classifier, judged: Judged, table: PhotoTable, photos: Photos, rival: Classifier
) -> DomainGap | None:
    """A model and Fashion-MNIST's on the photos whose class both know; None where there are none.

    Args:
        classifier: the model.
        judged: what it says of the photos of ``table``.
        table: in its words.
        photos: what the table is of.
        rival: the model of Fashion-MNIST.
    """
    known = {name.casefold() for name in classifier.classes}
    wanted = [_fashion_word(word) if word.casefold() in known else "" for word in table.words]
    shared = np.array([bool(name) for name in wanted], bool)
    images, both = photos.seen(rival.view, table.take(shared))
    if not len(both):
        return None
    rows = np.isin(table.files, both.files)
    truth = np.array(wanted)[rows]
    ours = np.array([_fashion_word(classifier.classes[top]) for top in judged.probabilities[rows].argmax(axis=1)])
    theirs = np.array([rival.classes[top] for top in rival.run(images).logits.argmax(axis=1)])
    return _gap(truth, {classifier.name: ours, rival.name: theirs})


def of_those_that_occur(evaluation: Evaluation) -> Evaluation:
    """The macro figures over the classes that have photos: one that is not asked about cannot be missed."""
    asked = [one for one in evaluation.per_class if one.n]
    means = {name: float(np.mean([getattr(one, name) for one in asked])) for name in ("f1", "recall")}
    return replace(evaluation, macro_f1=means["f1"], macro_recall=means["recall"])


def _gap(truth: npt.NDArray[np.str_], answers: Mapping[str, npt.NDArray[np.str_]]) -> DomainGap:
    right = {name: given == truth for name, given in answers.items()}
    per_class: dict[str, dict[str, float]] = {}
    for name in FASHION_MNIST:
        if (rows := truth == name).any():
            shares = {model: float(flags[rows].mean()) for model, flags in right.items()}
            per_class[name] = {"n": int(rows.sum()), **shares}
    return DomainGap(len(truth), {name: float(flags.mean()) for name, flags in right.items()}, per_class)


def _fashion_word(word: str) -> str:
    """Fashion-MNIST's word for a garment: its own, or for one of the photo model's; "" where it has none."""
    own = {name.casefold(): name for name in FASHION_MNIST}
    return FASHION_MNIST_OF.get(word.casefold()) or own.get(word.casefold(), "")
