"""The use case of ``clothier compare``: two models asked the same questions, and whether they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier import metrics
from clothier.data.sources import open_dataset
from clothier.evaluation.classifier import require_same_classes
from clothier.inference import load
from clothier.types import no_progress
from clothier.workflows.evaluate import ModelEvaluation

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import McNemarResult, Progress


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models' figures on one data set, and the paired test between them."""

    first: ModelEvaluation
    second: ModelEvaluation
    mcnemar: McNemarResult

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"first": self.first.to_json(), "second": self.second.to_json(), "test": self.mcnemar.to_json()}


def compare(
    first: str, second: str, *, data: Path | None = None, any_idx: bool = False, progress: Progress = no_progress
) -> Comparison:
    """Holds two models against the test part, and tests their difference picture by picture.

    Args:
        first: a run folder, a bundle's folder or the name of a shipped bundle.
        second: likewise.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        progress: told of every model.

    Raises:
        UsageError: a model knows other classes than the data set.
        ClothierError: a model or the data are missing or damaged.
    """
    classifiers = [load(name) for name in (first, second)]
    dataset = open_dataset(data, any_idx=any_idx, progress=progress)
    require_same_classes(classifiers, dataset)
    labels = dataset.test.labels
    evaluations, right = [], []
    for name, classifier in zip((first, second), classifiers, strict=True):
        logits = classifier.run(dataset.test.images).logits
        evaluation = metrics.evaluate_logits(logits, labels, classifier.classes)
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", evaluation))
        right.append(logits.argmax(1) == labels)
        progress("compare", len(right), 2, name)
    return Comparison(evaluations[0], evaluations[1], metrics.mcnemar(right[0], right[1]))
