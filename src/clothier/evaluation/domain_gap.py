"""The domain gap: what a model of Fashion-MNIST knows of real photos, beside a model that was made for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.taxonomy import FASHION_MNIST, FASHION_MNIST_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.data.photo_table import PhotoTable
    from clothier.evaluation.photo_cache import Photos
    from clothier.inference.predictor import Judged
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
    wanted = [fashion_word(word) if word.casefold() in known else "" for word in table.words]
    shared = np.array([bool(name) for name in wanted], bool)
    images, both = photos.seen(rival.view, table.take(shared))
    if not len(both):
        return None
    rows = np.isin(table.files, both.files)
    truth = np.array(wanted)[rows]
    ours = np.array([fashion_word(classifier.classes[top]) for top in judged.probabilities[rows].argmax(axis=1)])
    theirs = np.array([rival.classes[top] for top in rival.run(images).logits.argmax(axis=1)])
    return _gap(truth, {classifier.name: ours, rival.name: theirs})


def fashion_word(word: str) -> str:
    """Fashion-MNIST's word for a garment: its own, or for one of the photo model's; "" where it has none."""
    own = {name.casefold(): name for name in FASHION_MNIST}
    return FASHION_MNIST_OF.get(word.casefold()) or own.get(word.casefold(), "")


def _gap(truth: npt.NDArray[np.str_], answers: Mapping[str, npt.NDArray[np.str_]]) -> DomainGap:
    right = {name: given == truth for name, given in answers.items()}
    per_class: dict[str, dict[str, float]] = {}
    for name in FASHION_MNIST:
        if (rows := truth == name).any():
            shares = {model: float(flags[rows].mean()) for model, flags in right.items()}
            per_class[name] = {"n": int(rows.sum()), **shares}
    return DomainGap(len(truth), {name: float(flags.mean()) for name, flags in right.items()}, per_class)
