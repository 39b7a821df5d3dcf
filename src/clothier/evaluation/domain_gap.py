"""The domain gap: accuracy of a Fashion-MNIST model on real photos, next to that of a photo model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.taxonomy import FASHION_MNIST_CLASSES, to_fashion_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.data.photo_table import PhotoTable
    from clothier.evaluation.photo_cache import PhotoCache
    from clothier.types import Classifier, Labels


@dataclass(frozen=True, slots=True)
class DomainGap:
    """A photo model and a Fashion-MNIST model on the same photos.

    Attributes:
        n: photos of classes that both models have.
        accuracy: model name to its accuracy on them, 0 to 1.
        per_class: Fashion-MNIST class to its number of photos and the recall of each model.
    """

    n: int
    accuracy: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        rows = [{"class": name, **recalls} for name, recalls in self.per_class.items()]
        return {"n": self.n, **self.accuracy, "per_class": rows}


def domain_gap(
    model: Classifier, predicted: Labels, table: PhotoTable, photos: PhotoCache, baseline: Classifier
) -> DomainGap | None:
    """Compares a model with a Fashion-MNIST model, on the photos of classes that both have; None if there are none.

    Args:
        model: the photo model.
        predicted: (N,) its predictions for the photos of ``table``.
        table: N photos, with labels of the model's classes.
        photos: the cache that the photos come from.
        baseline: the Fashion-MNIST model.
    """
    own = {name.casefold() for name in model.classes}
    targets = np.array([to_fashion_class(label) if label.casefold() in own else "" for label in table.raw_labels])
    images, shared = photos.load(baseline.input_spec, table.subset(targets != ""))
    if not len(shared):
        return None
    rows = np.isin(table.files, shared.files)
    ours = np.array([to_fashion_class(model.classes[label]) for label in predicted[rows]])
    theirs = np.array(baseline.classes)[baseline.run(images).logits.argmax(axis=1)]
    return _gap_from_predictions(targets[rows], {model.name: ours, baseline.name: theirs})


def _gap_from_predictions(truth: npt.NDArray[np.str_], predictions: Mapping[str, npt.NDArray[np.str_]]) -> DomainGap:
    correct = {name: predicted == truth for name, predicted in predictions.items()}
    per_class: dict[str, dict[str, float]] = {}
    for name in FASHION_MNIST_CLASSES:
        if (rows := truth == name).any():
            recalls = {model: float(flags[rows].mean()) for model, flags in correct.items()}
            per_class[name] = {"n": int(rows.sum()), **recalls}
    return DomainGap(len(truth), {name: float(flags.mean()) for name, flags in correct.items()}, per_class)
