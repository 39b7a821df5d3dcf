"""``clothier compare``: two models on the same images, and a paired test of their difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.clustered import grouped_test
from clothier.data.photo_table import DEFAULT_COLUMNS, is_photo_table
from clothier.data.sources import open_dataset
from clothier.errors import DataError, UsageError
from clothier.evaluation.classifier import evaluate_classifier, require_same_classes
from clothier.evaluation.photo_cache import PhotoCache
from clothier.evaluation.photos import evaluate_photos
from clothier.inference import load
from clothier.paths import optional_path
from clothier.runs import Run
from clothier.taxonomy import read_label_codes
from clothier.types import no_progress
from clothier.workflows.evaluate import ModelEvaluation, is_photo_model, refuse_photo_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.clustered import GroupedTest
    from clothier.data.columns import Columns
    from clothier.data.dataset import Dataset
    from clothier.inference import Model
    from clothier.types import Floats, McNemarResult, Progress


@dataclass(frozen=True, slots=True)
class Comparison:
    """Metrics of two models on the same images, and the paired test between them.

    Attributes:
        first: of the first model.
        second: of the second.
        mcnemar: the test where every image counts for itself; None for photos in groups.
        grouped_test: the test for photos in groups, such as those of one photographer; otherwise None.
    """

    first: ModelEvaluation
    second: ModelEvaluation
    mcnemar: McNemarResult | None = None
    grouped_test: GroupedTest | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        tests = {"mcnemar": self.mcnemar, "grouped_test": self.grouped_test}
        return {
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            **{name: test.to_json() for name, test in tests.items() if test},
        }


def compare(
    first: str | Path,
    second: str | Path,
    *,
    data: str | Path | None = None,
    any_idx: bool = False,
    columns: Columns = DEFAULT_COLUMNS,
    taxonomy: str | Path | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Evaluates two models on the same images and tests whether they differ.

    These are the test set of a data set or a table of photos, as for :func:`~clothier.workflows.evaluate.evaluate`. For
    a run that was evaluated on the same data set, the logits in its ``predictions.npz`` are used.

    Args:
        first: a run folder, a bundle folder or the name of a bundled model.
        second: likewise.
        data: a folder or a table of photos, as for ``--data``; None for Fashion-MNIST.
        any_idx: accept IDX files that are not Fashion-MNIST.
        columns: of a CSV of photos.
        taxonomy: a file with a company's code for each class of the first model; labels of photos may be codes.
        progress: called for every model.

    Raises:
        UsageError: a model has other classes than the data set, or is a photo model and there are no photos.
        DataError: the models have no class of any photo in common.
        ClothierError: a model or the data are missing or damaged.
    """
    names = (str(first), str(second))
    models = [load(name) for name in names]
    place = optional_path(data)
    if place is not None and (any(map(is_photo_model, models)) or is_photo_table(place)):
        codes = read_label_codes(optional_path(taxonomy), models[0].classes)
        return _on_photos(names, models, PhotoCache(place, columns, progress, codes), progress)
    for model in filter(is_photo_model, models):
        raise UsageError(f"{model.name} classifies photos. Give a table of labeled photos with --data.")
    refuse_photo_options(columns, taxonomy)
    dataset = open_dataset(place, any_idx=any_idx, progress=progress)
    require_same_classes(models, dataset)
    evaluations, correct = [], []
    for done, (name, model) in enumerate(zip(names, models, strict=True), start=1):
        evaluation, logits = evaluate_classifier(model, dataset.test, logits=_saved_logits(name, dataset))
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", evaluation, failures=dataset.failures))
        correct.append(logits.argmax(axis=1) == dataset.test.labels)
        progress("compare", done, len(names), name)
    return Comparison(evaluations[0], evaluations[1], metrics.mcnemar(correct[0], correct[1]))


def _on_photos(names: Sequence[str], models: Sequence[Model], photos: PhotoCache, progress: Progress) -> Comparison:
    """The test is over the photos that both models have a class for; photos of one group count together."""
    pairs = zip(names, models, strict=True)
    found = [evaluate_photos(model, photos, name=name, progress=progress) for name, model in pairs]
    first, second = (
        ModelEvaluation(name, photos.table.name, one.evaluation, None, one, one.failures)
        for name, one in zip(names, found, strict=True)
    )
    shared = [file for file in photos.table.files if file in found[0].correct and file in found[1].correct]
    if not shared:
        raise DataError(f"{names[0]} and {names[1]} have no class of any photo of {photos.table.name} in common.")
    if left_out := len(found[0].correct.keys() | found[1].correct.keys()) - len(shared):
        progress("compare", 0, 0, f"{left_out:,} photos are in no paired test: only one model has a class for them.")
    correct = [np.array([one.correct[file] for file in shared]) for one in found]
    if not photos.table.has_groups:
        return Comparison(first, second, mcnemar=metrics.mcnemar(correct[0], correct[1]))
    group_of = dict(zip(photos.table.files, photos.table.groups.tolist(), strict=True))
    test = grouped_test(correct[0], correct[1], [group_of[file] for file in shared])
    return Comparison(first, second, grouped_test=test)


def _saved_logits(name: str, dataset: Dataset) -> Floats | None:
    """The test logits of a finished run on ``dataset``; None for other models."""
    run = Run(Path(name))
    return run.test_logits() if run.is_finished and run.data_digest == dataset.digest else None
