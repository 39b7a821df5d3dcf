"""The use case of ``clothier evaluate``: models held against the test part of a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clothier import bundle
from clothier.analysis import metrics
from clothier.analysis.views import mean_answer
from clothier.data.sources import open_dataset
from clothier.errors import UsageError
from clothier.inference import OnnxClassifier
from clothier.records import silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset, Labelled
    from clothier.recipes import Augment
    from clothier.records import Classifier, Evaluation, Progress


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """One model's figures on one data set.

    Attributes:
        model: as the user named it.
        data: name of the data set.
        evaluation: the figures.
    """

    model: str
    data: str
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"model": self.model, "data": self.data, **self.evaluation.to_json()}


def evaluate(
    models: Sequence[str], *, data: Path | None = None, any_idx: bool = False, progress: Progress = silent
) -> list[ModelEvaluation]:
    """Holds each model against the test part.

    Args:
        models: run folders, bundle folders or names of shipped bundles.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        progress: told of every model.

    Raises:
        UsageError: a model knows other classes than the data set.
        ClothierError: a model or the data are missing or damaged.
    """
    classifiers = [OnnxClassifier(bundle.find(name)) for name in models]
    dataset = open_dataset(data, any_idx=any_idx, progress=progress)
    require_same_classes(classifiers, dataset)
    evaluations = []
    for done, (name, classifier) in enumerate(zip(models, classifiers, strict=True)):
        progress("evaluate", done, len(models), name)
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", measure(classifier, dataset.test)))
    progress("evaluate", len(models), len(models))
    return evaluations


def measure(classifier: Classifier, data: Labelled, augment: Augment | None = None) -> Evaluation:
    """A classifier's figures over labelled pictures.

    Args:
        classifier: the model.
        data: N pictures of its view and their labels.
        augment: how its pictures were varied in training, where the accuracy with test-time augmentation is wanted.
    """
    logits = classifier.run(data.images).logits
    evaluation = metrics.evaluate(logits, data.labels, classifier.classes)
    if augment is None or not (augment.flip or augment.shift):
        return evaluation
    answers = mean_answer(classifier, data.images, augment, logits).argmax(1)
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
