"""The domain gap: accuracy of a Fashion-MNIST model on real photos, next to that of a photo model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.taxonomy import FASHION_MNIST_CLASSES, label_key, to_fashion_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.photo_table import PhotoTable
    from clothier.evaluation.photo_cache import PhotoCache
    from clothier.types import Classifier, Labels


@dataclass(frozen=True, slots=True)
class DomainGap:
    """A photo model and a Fashion-MNIST model on the same photos."""

    n: int  # photos of classes that both models have
    accuracy: Mapping[str, float]  # by model, on them
    per_class: Mapping[str, Mapping[str, float]]  # Fashion-MNIST class to its number of photos and each model's recall

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
    own = {label_key(name) for name in model.classes}
    targets = np.array([to_fashion_class(label) if label_key(label) in own else "" for label in table.raw_labels])
    images, shared = photos.load(baseline.input_spec, table.subset(targets != ""))
    if not len(shared):
        return None
    rows = np.isin(table.files, shared.files)
    truth, ours = targets[rows], np.array([to_fashion_class(model.classes[label]) for label in predicted[rows]])
    theirs = np.array(baseline.classes)[baseline.run(images).logits.argmax(axis=1)]
    correct = {model.name: ours == truth, baseline.name: theirs == truth}
    per_class = {}
    for name in FASHION_MNIST_CLASSES:
        if (of_class := truth == name).any():
            recalls = {one: float(flags[of_class].mean()) for one, flags in correct.items()}
            per_class[name] = {"n": int(of_class.sum()), **recalls}
    return DomainGap(len(truth), {one: float(flags.mean()) for one, flags in correct.items()}, per_class)
