"""Robustness: accuracy of a model under each image corruption, at each severity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from clothier.metrics import softmax
from clothier.taxonomy import aggregate_to
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.evaluation.corruptions import Corruption
    from clothier.types import Classifier, Images, Labels, Progress

BATCH = 500  # images corrupted together, each batch with its own seed; bounds memory
MIN_ERROR = 0.001  # lower bound of the reference model's error, which the relative error divides by


@dataclass(frozen=True, slots=True)
class RobustnessResult:
    """One model on corrupted images.

    ``relative_error`` is the mean over the corruptions of the error divided by that of the first model (arXiv
    1903.12261, section 4.2, with the first model in place of AlexNet); 1 for the first.
    """

    n: int  # images for each corruption and severity
    accuracy: Mapping[str, tuple[float, ...]]  # corruption to the accuracies at severities 1 to 5
    relative_error: float = 1.0

    @property
    def mean_accuracy(self) -> dict[str, float]:
        """Mean accuracy over the severities, by corruption."""
        return {name: float(np.mean(accuracies)) for name, accuracies in self.accuracy.items()}

    def relative_to(self, reference: RobustnessResult) -> RobustnessResult:
        """The same, with the error relative to that of ``reference``."""
        ratios = [
            (1 - mean) / max(1 - reference.mean_accuracy[name], MIN_ERROR) for name, mean in self.mean_accuracy.items()
        ]
        return replace(self, relative_error=float(np.mean(ratios)))

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "corruptions": {name: list(accuracies) for name, accuracies in self.accuracy.items()},
            "mean_corruption_accuracy": float(np.mean(list(self.mean_accuracy.values()))),
            "relative_corruption_error": self.relative_error,
            "corrupted_n": self.n,
        }


def evaluate_corruptions(
    classifier: Classifier,
    images: Images,
    labels: Labels,
    classes: Sequence[str],
    *,
    name: str,
    progress: Progress = no_progress,
) -> RobustnessResult:
    """Accuracy of a model under each corruption, at each severity.

    Args:
        classifier: the model.
        images: N images of its ``input_spec``.
        labels: (N,), indices into ``classes``.
        classes: those of the model, or parent classes of them.
        name: of the model in progress reports.
        progress: called for every corruption and severity.
    """

    def accuracy(corruption: Corruption, severity: int) -> float:
        n_correct = 0
        for start in range(0, len(images), BATCH):
            batch = slice(start, start + BATCH)
            logits = classifier.run(corruption(images[batch], severity, start)).logits
            probabilities = aggregate_to(softmax(logits), classifier.classes, classes)
            n_correct += int((probabilities.argmax(axis=1) == labels[batch]).sum())
        return n_correct / len(images)

    total = len(CORRUPTIONS) * len(SEVERITIES)
    found: dict[str, tuple[float, ...]] = dict.fromkeys(CORRUPTIONS, ())
    for done, (kind, severity) in enumerate(product(CORRUPTIONS, SEVERITIES)):
        progress(f"corrupt, {name}", done, total, f"{kind} {severity}")
        found[kind] = (*found[kind], accuracy(CORRUPTIONS[kind], severity))
    progress(f"corrupt, {name}", total, total)
    return RobustnessResult(len(images), found)
