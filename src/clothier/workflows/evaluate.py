"""The use case of ``clothier evaluate``: models held against pictures whose labels are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.data.photo_table import DEFAULT_COLUMNS, LABELS_CSV
from clothier.data.sources import open_dataset
from clothier.errors import UsageError
from clothier.evaluation.classifier import measure, require_same_classes
from clothier.evaluation.photo_cache import PhotoCache
from clothier.evaluation.photos import evaluate_photos
from clothier.evaluation.robustness import evaluate_corruptions, relative_to_first
from clothier.inference import load
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.data.photo_csv import Columns
    from clothier.evaluation.photos import PhotoEvaluation
    from clothier.evaluation.robustness import RobustnessResult
    from clothier.inference import Model
    from clothier.types import Classifier, Evaluation, Floats, Progress

BASELINE = "fashion-cnn"  # Fashion-MNIST's model that photo models are held against
REFERENCE_MODELS = ("fashion-dnn", "fashion-cnn")
"""The shipped models that stand beside every other in the table of corruptions."""


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """One model's figures on one data set.

    Attributes:
        model: as the user named it.
        data: name of the data set.
        evaluation: the figures.
        robustness: the figures on corrupted pictures, where they were asked for.
        photos: what is known besides, where the data are photos.
    """

    model: str
    data: str
    evaluation: Evaluation
    robustness: RobustnessResult | None = None
    photos: PhotoEvaluation | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        more = [one.to_json() for one in (self.photos, self.robustness) if one]
        whole = {"model": self.model, "data": self.data, **self.evaluation.to_json()}
        return whole | {name: value for part in more for name, value in part.items()}


def evaluate(
    models: Sequence[str],
    *,
    data: Path | None = None,
    any_idx: bool = False,
    columns: Columns = DEFAULT_COLUMNS,
    corruptions: bool = False,
    progress: Progress = no_progress,
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
    classifiers = [load(name) for name in models]
    named = list(zip(models, classifiers, strict=True))
    if data is not None and (_is_photo_table(data) or _photo_models(classifiers)):
        photos = PhotoCache(data, columns, progress)
        return _evaluate_on_photos(named, photos, corruptions, progress)
    for one in _photo_models(classifiers):
        raise UsageError(
            f"{one.name} looks at photos, and Fashion-MNIST has none; give labelled photos with --data: a CSV, or a "
            "folder with a subfolder for each class."
        )
    dataset = open_dataset(data, any_idx=any_idx, progress=progress)
    require_same_classes(classifiers, dataset)
    if corruptions:
        named += _reference_models(models, dataset)
    evaluations = []
    for done, (name, classifier) in enumerate(named):
        progress("evaluate", done, len(named), name)
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", measure(classifier, dataset.test)))
    progress("evaluate", len(named), len(named))
    return _with_robustness(evaluations, named, dataset.test, progress) if corruptions else evaluations


def _is_photo_table(data: Path) -> bool:
    """Whether a path is a CSV that names photos, or a folder with one in it."""
    return data.is_file() or (data / LABELS_CSV).is_file()


def _photo_models(classifiers: Iterable[Classifier]) -> list[Classifier]:
    """Those that look at photos in colour."""
    return [one for one in classifiers if one.input_spec.kind == "center_crop"]


def _evaluate_on_photos(
    models: Sequence[tuple[str, Model]], photos: PhotoCache, corruptions: bool, progress: Progress
) -> list[ModelEvaluation]:
    """Each model on a table of photos, those of photos beside Fashion-MNIST's CNN."""
    evaluations = []
    for name, model in models:
        rival = load(BASELINE) if _photo_models([model]) else None
        found = evaluate_photos(model, photos, baseline=rival, corruptions=corruptions, progress=progress)
        evaluations.append(ModelEvaluation(name, photos.table.name, found.evaluation, found.robustness, found))
    if not corruptions:
        return evaluations
    told = relative_to_first([one.robustness for one in evaluations if one.robustness])
    return [replace(one, robustness=robustness) for one, robustness in zip(evaluations, told, strict=True)]


def _reference_models(models: Sequence[str], dataset: Dataset) -> list[tuple[str, Model]]:
    """The shipped models that were not named and know the classes of ``dataset``."""
    shipped = [(name, load(name)) for name in REFERENCE_MODELS if name not in models]
    return [(name, one) for name, one in shipped if one.classes == dataset.classes]


def _with_robustness(
    evaluations: Sequence[ModelEvaluation],
    classifiers: Sequence[tuple[str, Classifier]],
    test: LabeledImages,
    progress: Progress,
) -> list[ModelEvaluation]:
    """The same, each with its figures on corrupted pictures."""

    def right(logits: Floats, lot: slice) -> npt.NDArray[np.bool_]:
        return np.asarray(logits.argmax(axis=1) == test.labels[lot])

    found = relative_to_first(
        [evaluate_corruptions(one, test.images, right, name=name, progress=progress) for name, one in classifiers]
    )
    return [replace(one, robustness=robustness) for one, robustness in zip(evaluations, found, strict=True)]
