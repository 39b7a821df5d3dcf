"""The domain gap: what a model of Fashion-MNIST knows of real photos, beside a model that was made for them."""

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
    from clothier.inference.model import CalibratedOutput
    from clothier.types import Classifier


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
        return {"n": self.n, **self.accuracy, "per_class": rows}


def domain_gap(
    classifier: Classifier, output: CalibratedOutput, table: PhotoTable, photos: PhotoCache, baseline: Classifier
) -> DomainGap | None:
    """A model and Fashion-MNIST's on the photos whose class both know; None where there are none.

    Args:
        classifier: the model.
        output: what it says of the photos of ``table``.
        table: in its words.
        photos: what the table is of.
        baseline: the model of Fashion-MNIST.
    """
    known = {name.casefold() for name in classifier.classes}
    wanted = [to_fashion_class(word) if word.casefold() in known else "" for word in table.raw_labels]
    shared = np.array([bool(name) for name in wanted], bool)
    images, both = photos.load_view(baseline.input_spec, table.subset(shared))
    if not len(both):
        return None
    rows = np.isin(table.files, both.files)
    truth = np.array(wanted)[rows]
    ours = np.array([to_fashion_class(classifier.classes[top]) for top in output.probabilities[rows].argmax(axis=1)])
    theirs = np.array([baseline.classes[top] for top in baseline.run(images).logits.argmax(axis=1)])
    return _gap_from_predictions(truth, {classifier.name: ours, baseline.name: theirs})


def _gap_from_predictions(truth: npt.NDArray[np.str_], predictions: Mapping[str, npt.NDArray[np.str_]]) -> DomainGap:
    right = {name: given == truth for name, given in predictions.items()}
    per_class: dict[str, dict[str, float]] = {}
    for name in FASHION_MNIST_CLASSES:
        if (rows := truth == name).any():
            shares = {model: float(flags[rows].mean()) for model, flags in right.items()}
            per_class[name] = {"n": int(rows.sum()), **shares}
    return DomainGap(len(truth), {name: float(flags.mean()) for name, flags in right.items()}, per_class)
