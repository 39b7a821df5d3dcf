"""Metrics of a classifier on labeled images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clothier import metrics
from clothier.errors import UsageError
from clothier.inference.tta import predict_tta

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment
    from clothier.types import Classifier, Evaluation, Floats


def measure(
    classifier: Classifier, data: LabeledImages, augment: Augment | None = None, logits: Floats | None = None
) -> Evaluation:
    """A classifier's figures over labelled pictures.

    Args:
        classifier: the model.
        data: N pictures of its view and their labels.
        augment: how its pictures were varied in training, where the accuracy with test-time augmentation is wanted.
        logits: (N, K), the model's output on these images, where it is known already.
    """
    if logits is None:
        logits = classifier.run(data.images).logits
    evaluation = metrics.evaluate_logits(logits, data.labels, classifier.classes)
    if augment is None or not (augment.flip or augment.shift):
        return evaluation
    answers = predict_tta(classifier, data.images, augment, logits).argmax(1)
    return replace(evaluation, accuracy_tta=float((answers == data.labels).mean()))


def require_same_classes(classifiers: Iterable[Classifier], dataset: Dataset) -> None:
    """Refuses to hold models against labels that mean something else.

    Raises:
        UsageError: the class names differ.
    """
    for classifier in classifiers:
        if classifier.classes != dataset.classes:
            raise UsageError(
                f"{classifier.name} knows the classes {', '.join(classifier.classes)}, and {dataset.name} has "
                f"{', '.join(dataset.classes)}. Give data with the model's classes."
            )
