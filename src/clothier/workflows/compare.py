"""``clothier compare``: two models on the same test images, with McNemar's test of their difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import metrics
from clothier.data.sources import open_dataset
from clothier.evaluation.classifier import evaluate_classifier, require_same_classes
from clothier.inference import load
from clothier.paths import optional_path
from clothier.runs import Run
from clothier.types import no_progress
from clothier.workflows.evaluate import ModelEvaluation

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Floats, McNemarResult, Progress


@dataclass(frozen=True, slots=True)
class Comparison:
    """Metrics of two models on one data set, and the paired test between them."""

    first: ModelEvaluation
    second: ModelEvaluation
    mcnemar: McNemarResult

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"first": self.first.to_json(), "second": self.second.to_json(), "mcnemar": self.mcnemar.to_json()}


def compare(
    first: str | Path,
    second: str | Path,
    *,
    data: str | Path | None = None,
    any_idx: bool = False,
    progress: Progress = no_progress,
) -> Comparison:
    """Evaluates two models on the test set and tests whether they differ.

    For a run that was evaluated on the same data, the logits in its ``predictions.npz`` are used.

    Args:
        first: a run folder, a bundle folder or the name of a bundled model.
        second: likewise.
        data: a folder, as for ``--data``; None for Fashion-MNIST.
        any_idx: accept IDX files that are not Fashion-MNIST.
        progress: called for every model.

    Raises:
        UsageError: a model has other classes than the data set.
        ClothierError: a model or the data are missing or damaged.
    """
    names = (str(first), str(second))
    models = [load(name) for name in names]
    dataset = open_dataset(optional_path(data), any_idx=any_idx, progress=progress)
    require_same_classes(models, dataset)
    evaluations, correct = [], []
    for done, (name, model) in enumerate(zip(names, models, strict=True), start=1):
        evaluation, logits = evaluate_classifier(model, dataset.test, logits=_saved_logits(name, dataset))
        evaluations.append(ModelEvaluation(name, f"{dataset.name}, test", evaluation, failures=dataset.failures))
        correct.append(logits.argmax(axis=1) == dataset.test.labels)
        progress("compare", done, len(names), name)
    return Comparison(evaluations[0], evaluations[1], metrics.mcnemar(correct[0], correct[1]))


def _saved_logits(name: str, dataset: Dataset) -> Floats | None:
    """The test logits of a finished run on ``dataset``; None for other models."""
    run = Run(Path(name))
    return run.test_logits() if run.is_finished and run.data_digest == dataset.digest else None
