"""Metrics of models on labeled photos. Each model is evaluated on the labels that it has a class for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import metrics
from clothier.clustered import clustered_standard_error
from clothier.data.photo_table import UNKNOWN_LABEL, PhotoTable, read_photo_table, unknown_label
from clothier.errors import DataError
from clothier.evaluation.domain_gap import domain_gap
from clothier.evaluation.robustness import evaluate_corruptions
from clothier.selective.decisions import selective_metrics
from clothier.taxonomy import (
    FASHION_MNIST_CLASSES,
    PHOTO_TO_FASHION_MNIST,
    WITHOUT_FASHION_CLASS,
    aggregate_to,
    is_right,
    label_key,
    to_fashion_class,
)
from clothier.types import no_progress
from clothier.votes import evaluate_products

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.evaluation.domain_gap import DomainGap
    from clothier.evaluation.photo_cache import PhotoCache
    from clothier.evaluation.robustness import RobustnessResult
    from clothier.inference import Model
    from clothier.types import CatalogueShift, Classifier, Evaluation, FailedInput, Images, Progress

TRAINED_ON_WARNING = (
    "{} was trained on {:,} of these {:,} photos, so these results are too optimistic. See its model card for its "
    "accuracy on unseen {}s, or evaluate it on other photos."
)


@dataclass(frozen=True, slots=True)
class PhotoEvaluation:
    """One model on a table of photos."""

    evaluation: Evaluation  # of the photos with a label; macro averages over the classes that occur
    selective: Mapping[str, Any] | None  # coverage, risk, guarantee and AUROC; None if the model has no thresholds
    gap: DomainGap | None  # next to a Fashion-MNIST model; None if there is no such model or no shared class
    failures: tuple[FailedInput, ...]  # photos that could not be read; they count nowhere
    warnings: tuple[str, ...]  # on the table and its files, one sentence each
    n_trained_on: int  # photos of `evaluation` that match a training photo of the model
    n_calibrated_on: int  # those that match a photo that its thresholds were fitted to
    n_groups: int | None  # of `evaluation`, to which its standard error is robust; None without groups
    products: Mapping[str, Any] | None = None  # accuracy of their votes; None without a product column
    correct: Mapping[str, bool] = field(default_factory=dict)  # of each labeled photo, by its file
    catalogue: CatalogueShift | None = None  # whether all photos are unlike; then `selective` is as if trusted

    def to_json(self) -> dict[str, Any]:
        """What it adds to an evaluation in ``--json``."""
        return {
            "n_trained_on": self.n_trained_on,
            "n_calibrated_on": self.n_calibrated_on,
            "n_groups": self.n_groups,
            **({"products": dict(self.products)} if self.products else {}),
            **(self.selective or {}),
            **({"catalogue": self.catalogue.to_json()} if self.catalogue else {}),
            **({"domain_gap": self.gap.to_json()} if self.gap else {}),
            "failures": [one.to_json() for one in self.failures],
            "warnings": list(self.warnings),
        }


def evaluate_photos(
    model: Model,
    photos: PhotoCache,
    *,
    name: str | None = None,
    baseline: Classifier | None = None,
    progress: Progress = no_progress,
) -> PhotoEvaluation:
    """Evaluates a model on labeled photos.

    Rows with an empty label count in the selective metrics only, and in the test for an unlike catalogue. A
    Fashion-MNIST model is evaluated on the classes that :data:`clothier.taxonomy.PHOTO_TO_FASHION_MNIST` maps to one of
    its own; ``progress`` is told which are left out.

    Args:
        model: the model.
        photos: the table.
        name: of the model, as the user gave it; None for its own.
        baseline: a Fashion-MNIST model to compare with, on the same photos.
        progress: called with the number of photos that the model was trained on, if there are any.

    Raises:
        DataError: the table has labels that the model has no class for, or no other labels.
    """
    images, table = _load_labeled(model, photos)
    output, labeled = model.predict_images(images), table.labels != UNKNOWN_LABEL
    probabilities = aggregate_to(output.probabilities, model.classes, table.classes)
    correct = probabilities.argmax(axis=1) == table.labels
    evaluation = metrics.evaluate_probabilities(probabilities[labeled], table.labels[labeled], table.classes)
    n_groups = len(np.unique(table.groups[labeled])) if table.has_groups else None
    if n_groups:
        error = clustered_standard_error(correct[labeled], table.groups[labeled])
        evaluation = replace(evaluation, standard_error=error)
    n_trained_on = int(model.was_trained_on(images[labeled]).sum())
    n_calibrated_on = int(model.was_calibrated_on(images[labeled]).sum())
    if n_trained_on:
        counts = (n_trained_on, evaluation.n)
        progress("evaluate", 0, 0, TRAINED_ON_WARNING.format(name or model.name, *counts, _group_name(model)))
    selective = None
    if model.thresholds:
        right = is_right(output.probabilities, table.labels, model.classes, table.classes)  # of the tags
        selective = selective_metrics(output.probabilities, output.ood_scores, table.labels, model.thresholds, right)
    gap = domain_gap(model, output.probabilities.argmax(axis=1), table, photos, baseline) if baseline else None
    products = None
    if table.products is not None:
        products = evaluate_products(probabilities[labeled], table.labels[labeled], table.products[labeled])
    notes = (table.failures, table.warnings)
    files = [file for file, counts in zip(table.files, labeled, strict=True) if counts]
    by_file = dict(zip(files, correct[labeled].tolist(), strict=True))
    known = (n_trained_on, n_calibrated_on)
    shift = None if output.shift_features is None else model.test_catalogue(output.shift_features)
    return PhotoEvaluation(evaluation, selective, gap, *notes, *known, n_groups, products, by_file, shift)


def evaluate_corrupted_photos(model: Model, photos: PhotoCache, progress: Progress = no_progress) -> RobustnessResult:
    """Accuracy of a model on corrupted photos, of those that :func:`evaluate_photos` evaluates it on."""
    images, table = _load_labeled(model, photos)
    labeled = table.labels != UNKNOWN_LABEL
    return evaluate_corruptions(
        model, images[labeled], table.labels[labeled], table.classes, name=model.name, progress=progress
    )


def _group_name(model: Model) -> str:
    """What the photos were grouped by that the model was measured on."""
    guarantee = model.thresholds.guarantee if model.thresholds else None
    return guarantee.grouped_by if guarantee else "photo"


def _load_labeled(model: Classifier, photos: PhotoCache) -> tuple[Images, PhotoTable]:
    images, table = photos.load(model.input_spec, _table_for(model, photos))
    if not (table.labels != UNKNOWN_LABEL).any():
        raise DataError(
            f"{table.name} has no readable photo with a label that {model.name} has a class for. "
            f"Add some.{table.failure_note}"
        )
    return images, table


def _table_for(model: Classifier, photos: PhotoCache) -> PhotoTable:
    """The photos that a model can be evaluated on, with labels of its classes or their parent classes."""
    if model.classes != FASHION_MNIST_CLASSES:
        return read_photo_table(
            photos.path, columns=photos.columns, classes=model.classes, split="test", codes=photos.codes
        )
    return _fashion_table(photos)


def _fashion_table(photos: PhotoCache) -> PhotoTable:
    """The photos with a Fashion-MNIST class and those without a label. What is left out is named."""
    table = photos.table
    names = [to_fashion_class(label) for label in table.raw_labels]
    labels = np.array([FASHION_MNIST_CLASSES.index(name) if name else UNKNOWN_LABEL for name in names], np.int64)
    is_used = (labels != UNKNOWN_LABEL) | (table.labels == UNKNOWN_LABEL)
    left_out = Counter(label for label, used in zip(table.raw_labels, is_used, strict=True) if not used)
    without = {name: count for name, count in left_out.items() if label_key(name) in WITHOUT_FASHION_CLASS}
    known = (*PHOTO_TO_FASHION_MNIST, *WITHOUT_FASHION_CLASS, *FASHION_MNIST_CLASSES)
    failures = tuple(
        unknown_label(photos.path, name, count, known) for name, count in left_out.items() if name not in without
    )
    warnings = [
        f"{count} photos labeled {name} are left out: Fashion-MNIST has no such class."
        for name, count in without.items()
    ]
    return replace(
        table,
        labels=labels,
        classes=FASHION_MNIST_CLASSES,
        failures=(*table.failures, *failures),
        warnings=(*table.warnings, *warnings),
    ).subset(is_used)
