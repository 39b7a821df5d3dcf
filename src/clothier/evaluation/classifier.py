"""Metrics of a classifier on labeled images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clothier import metrics
from clothier.errors import UsageError
from clothier.inference.tta import predict_tta
from clothier.taxonomy import label_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment
    from clothier.types import Classifier, Evaluation, Floats


def evaluate_classifier(
    classifier: Classifier, data: LabeledImages, augment: Augment | None = None, logits: Floats | None = None
) -> tuple[Evaluation, Floats]:
    """Metrics of a classifier, and its logits (N, K), from one pass over the images.

    Args:
        classifier: the model.
        data: N images of its ``input_spec``, with labels.
        augment: the augmentation of its training, to compute the accuracy with test-time augmentation too.
        logits: (N, K) of these images, if they are known already.
    """
    if logits is None:
        logits = classifier.run(data.images).logits
    evaluation = metrics.evaluate_logits(logits, data.labels, classifier.classes)
    if augment and (augment.flip or augment.shift):
        predictions = predict_tta(classifier, data.images, augment, logits).argmax(axis=1)
        evaluation = replace(evaluation, accuracy_tta=float((predictions == data.labels).mean()))
    return evaluation, logits


def require_same_classes(classifiers: Iterable[Classifier], dataset: Dataset) -> None:
    """Checks that the labels of ``dataset`` mean the same as those of the classifiers, whatever their letter case.

    Raises:
        UsageError: the class names differ.
    """
    for classifier in classifiers:
        if list(map(label_key, classifier.classes)) != list(map(label_key, dataset.classes)):
            raise UsageError(
                f"{classifier.name} has the classes {', '.join(classifier.classes)}, but {dataset.name} has "
                f"{', '.join(dataset.classes)}. Give data with the classes of the model; those of IDX files are "
                "the lines of classes.txt beside them."
            )
