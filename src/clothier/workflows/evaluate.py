"""``clothier evaluate``: metrics of models on a test set or on labeled photos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier.data.photo_table import DEFAULT_COLUMNS, is_photo_table
from clothier.data.sources import open_dataset
from clothier.errors import UsageError
from clothier.evaluation.classifier import evaluate_classifier, require_same_classes
from clothier.evaluation.photo_cache import PhotoCache
from clothier.evaluation.photos import evaluate_corrupted_photos, evaluate_photos
from clothier.evaluation.robustness import evaluate_corruptions
from clothier.inference import load
from clothier.paths import optional_path, require_names
from clothier.taxonomy import read_label_codes
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from clothier.data.columns import Columns
    from clothier.data.dataset import Dataset
    from clothier.evaluation.photos import PhotoEvaluation
    from clothier.evaluation.robustness import RobustnessResult
    from clothier.inference import Model
    from clothier.types import Evaluation, FailedInput, Progress

    NamedModels = Sequence[tuple[str, Model]]

BASELINE = "fashion-cnn"  # the Fashion-MNIST model that photo models are compared with
TAXONOMY_WITHOUT_PHOTOS = "a taxonomy is for labels of photos; give a table of photos as data, or leave it out."
COLUMNS_WITHOUT_PHOTOS = "the data have no table of photos, so no column {names}. Give a CSV, or leave the columns out."
REFERENCE_MODELS = ("fashion-dnn", "fashion-cnn")
"""The bundled models that are always included in the table of corruptions."""


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """Metrics of one model on one data set.

    Attributes:
        model: as the user named it.
        data: name of the data set.
        evaluation: the metrics.
        robustness: on corrupted images; None if that was not requested.
        photos: more metrics if the data are photos; otherwise None.
        failures: images that could not be read.
    """

    model: str
    data: str
    evaluation: Evaluation
    robustness: RobustnessResult | None = None
    photos: PhotoEvaluation | None = None
    failures: tuple[FailedInput, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "model": self.model,
            "data": self.data,
            **self.evaluation.to_json(),
            **({"failures": [one.to_json() for one in self.failures]} if self.failures else {}),
            **(self.photos.to_json() if self.photos else {}),
            **(self.robustness.to_json() if self.robustness else {}),
        }


def evaluate(
    models: Iterable[str | Path],
    *,
    data: str | Path | None = None,
    any_idx: bool = False,
    columns: Columns = DEFAULT_COLUMNS,
    taxonomy: str | Path | None = None,
    corruptions: bool = False,
    progress: Progress = no_progress,
) -> list[ModelEvaluation]:
    """Evaluates models on the test set of a data set, or on all photos of a table.

    Args:
        models: run folders, bundle folders or names of bundled models.
        data: a folder, as for ``--data``; None for Fashion-MNIST. A CSV of photos, a folder that contains one, or any
            folder of class folders if a photo model is evaluated, is a table of photos.
        any_idx: accept IDX files that are not Fashion-MNIST.
        columns: of a CSV of photos.
        taxonomy: a file with a company's code for each class of the first model; labels of photos may be codes.
        corruptions: also evaluate on corrupted images. On a test set, the bundled models with the same classes are
            added for reference.
        progress: called for every model.

    Raises:
        UsageError: a model has other classes than the data set, or is a photo model and there are no photos; or
            ``models`` is a single name and not a list.
        ClothierError: a model or the data are missing or damaged.
    """
    loaded = [(str(name), load(name)) for name in require_names(models, "models")]
    data = optional_path(data)
    photo_model = next((model for _, model in loaded if is_photo_model(model)), None)
    if data is not None and (photo_model or is_photo_table(data)):
        codes = read_label_codes(optional_path(taxonomy), loaded[0][1].classes)
        results = _on_photos(loaded, PhotoCache(data, columns, progress, codes), corruptions, progress)
    elif photo_model:
        raise UsageError(
            f"{photo_model.name} classifies photos, and Fashion-MNIST has none. Give labeled photos with --data: a "
            "CSV, or a folder with a subfolder for each class."
        )
    else:
        refuse_photo_options(columns, taxonomy)
        dataset = open_dataset(data, any_idx=any_idx, progress=progress)
        require_same_classes([model for _, model in loaded], dataset)
        results = _on_test_set(loaded, dataset, corruptions, progress)
    reference = results[0].robustness if results else None
    return [
        replace(one, robustness=one.robustness.relative_to(reference)) if one.robustness and reference else one
        for one in results
    ]


def refuse_photo_options(columns: Columns, taxonomy: str | Path | None = None) -> None:
    """Refuses what is for tables of photos, where the data are none.

    Raises:
        UsageError: columns or a taxonomy were given.
    """
    if taxonomy is not None:
        raise UsageError(TAXONOMY_WITHOUT_PHOTOS)
    if columns.named:
        raise UsageError(COLUMNS_WITHOUT_PHOTOS.format(names=" or ".join(columns.named)))


def is_photo_model(model: Model) -> bool:
    """Whether a model classifies photos, not images in the format of Fashion-MNIST."""
    return model.input_spec.kind == "center_crop"


def _on_photos(models: NamedModels, photos: PhotoCache, corruptions: bool, progress: Progress) -> list[ModelEvaluation]:
    results = []
    for name, model in models:
        baseline = load(BASELINE) if is_photo_model(model) else None
        found = evaluate_photos(model, photos, name=name, baseline=baseline, progress=progress)
        robustness = evaluate_corrupted_photos(model, photos, progress) if corruptions else None
        results.append(ModelEvaluation(name, photos.table.name, found.evaluation, robustness, found, found.failures))
    return results


def _on_test_set(models: NamedModels, dataset: Dataset, corruptions: bool, progress: Progress) -> list[ModelEvaluation]:
    test, data = dataset.test, f"{dataset.name}, test"
    if corruptions:
        models = [*models, *_reference_models({name for name, _ in models}, dataset)]
    results = []
    for done, (name, model) in enumerate(models):
        progress("evaluate", done, len(models), name)
        results.append(ModelEvaluation(name, data, evaluate_classifier(model, test)[0], failures=dataset.failures))
    progress("evaluate", len(models), len(models))
    if not corruptions:
        return results
    return [
        replace(
            one,
            robustness=evaluate_corruptions(
                model, test.images, test.labels, dataset.classes, name=name, progress=progress
            ),
        )
        for one, (name, model) in zip(results, models, strict=True)
    ]


def _reference_models(given: set[str], dataset: Dataset) -> list[tuple[str, Model]]:
    """The bundled models that were not given and have the classes of ``dataset``."""
    bundled = [(name, load(name)) for name in REFERENCE_MODELS if name not in given]
    return [(name, model) for name, model in bundled if model.classes == dataset.classes]
