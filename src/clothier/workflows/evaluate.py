"""The use case of ``clothier evaluate``: models held against pictures whose labels are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import bundle
from clothier.data.photo_table import TABLE, USUAL
from clothier.data.sources import open_dataset
from clothier.errors import UsageError
from clothier.evaluation.classifier import measure, require_same_classes
from clothier.evaluation.photo_cache import Photos
from clothier.evaluation.photos import evaluate_photos
from clothier.evaluation.robustness import corrupt, relative
from clothier.inference.predictor import open_judge
from clothier.inference.session import OnnxClassifier
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.dataset import Dataset, Labelled
    from clothier.data.photo_csv import Columns
    from clothier.evaluation.photos import PhotoEvaluation
    from clothier.evaluation.robustness import Corrupted
    from clothier.inference.predictor import Judge
    from clothier.types import Classifier, Evaluation, Floats, Progress

RIVAL = "fashion-cnn"  # Fashion-MNIST's model that photo models are held against
BESIDE = ("fashion-dnn", "fashion-cnn")
"""The shipped models that stand beside every other in the table of corruptions."""


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """One model's figures on one data set.

    Attributes:
        model: as the user named it.
        data: name of the data set.
        evaluation: the figures.
        corrupted: the figures on corrupted pictures, where they were asked for.
        photos: what is known besides, where the data are photos.
    """

    model: str
    data: str
    evaluation: Evaluation
    corrupted: Corrupted | None = None
    photos: PhotoEvaluation | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        more = [one.to_json() for one in (self.photos, self.corrupted) if one]
        whole = {"model": self.model, "data": self.data, **self.evaluation.to_json()}
        return whole | {name: value for part in more for name, value in part.items()}


def evaluate(
    models: Sequence[str],
    *,
    data: Path | None = None,
    any_idx: bool = False,
    columns: Columns = USUAL,
    corruptions: bool = False,
    progress: Progress = silent,
) -> list[ModelEvaluation]:
    """Holds each model against the test part of a data set, or against all photos of a table.

    Args:
        models: run folders, bundle folders or names of shipped bundles.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST. A CSV that names photos, a folder with one in
            it, or any folder of class folders that a model of photos is held against, is a table of photos.
        any_idx: take a foreign IDX data set as it is.
        columns: of a CSV that names photos.
        corruptions: hold them against corrupted pictures, too, with the shipped models beside them where those know
            the same classes.
        progress: told of every model.

    Raises:
        UsageError: a model knows other classes than the data set, or looks at photos where there are none.
        ClothierError: a model or the data are missing or damaged.
    """
    judges = [open_judge(bundle.find(name)) for name in models]
    classifiers = [one.classifier for one in judges]
    named = list(zip(models, classifiers, strict=True))
    if data is not None and (_is_table(data) or _of_photos(classifiers)):
        photos = Photos(data, columns, progress)
        return _on_photos(list(zip(models, judges, strict=True)), photos, corruptions, progress)
    for one in _of_photos(classifiers):
        raise UsageError(
            f"{one.name} looks at photos, and Fashion-MNIST has none; give labelled photos with --data: a CSV, or a "
            "folder with a subfolder for each class."
        )
    dataset = open_dataset(data, any_idx=any_idx, progress=progress)
    require_same_classes(classifiers, dataset)
    if corruptions:
        named += _beside(models, dataset)
    evaluations = []
    for done, (name, classifier) in enumerate(named):
        progress("evaluate", done, len(named), name)
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", measure(classifier, dataset.test)))
    progress("evaluate", len(named), len(named))
    return _corrupted(evaluations, named, dataset.test, progress) if corruptions else evaluations


def _is_table(data: Path) -> bool:
    """Whether a path is a CSV that names photos, or a folder with one in it."""
    return data.is_file() or (data / TABLE).is_file()


def _of_photos(classifiers: Iterable[Classifier]) -> list[Classifier]:
    """Those that look at photos in colour."""
    return [one for one in classifiers if one.view.kind == "square"]


def _on_photos(
    judges: Sequence[tuple[str, Judge]], photos: Photos, corruptions: bool, progress: Progress
) -> list[ModelEvaluation]:
    """Each model on a table of photos, those of photos beside Fashion-MNIST's CNN."""
    evaluations = []
    for name, judge in judges:
        rival = OnnxClassifier(bundle.find(RIVAL)) if _of_photos([judge.classifier]) else None
        found = evaluate_photos(judge, photos, rival=rival, corruptions=corruptions, progress=progress)
        evaluations.append(ModelEvaluation(name, photos.table.name, found.evaluation, found.corrupted, found))
    if not corruptions:
        return evaluations
    told = relative([one.corrupted for one in evaluations if one.corrupted])
    return [replace(one, corrupted=corrupted) for one, corrupted in zip(evaluations, told, strict=True)]


def _beside(models: Sequence[str], dataset: Dataset) -> list[tuple[str, OnnxClassifier]]:
    """The shipped models that were not named and know the classes of ``dataset``."""
    shipped = [(name, OnnxClassifier(bundle.find(name))) for name in BESIDE if name not in models]
    return [(name, one) for name, one in shipped if one.classes == dataset.classes]


def _corrupted(
    evaluations: Sequence[ModelEvaluation],
    named: Sequence[tuple[str, Classifier]],
    test: Labelled,
    progress: Progress,
) -> list[ModelEvaluation]:
    """The same, each with its figures on corrupted pictures."""

    def right(logits: Floats, lot: slice) -> npt.NDArray[np.bool_]:
        return np.asarray(logits.argmax(axis=1) == test.labels[lot])

    found = relative([corrupt(one, test.images, right, name=name, progress=progress) for name, one in named])
    return [replace(one, corrupted=corrupted) for one, corrupted in zip(evaluations, found, strict=True)]
