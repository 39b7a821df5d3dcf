"""How fast models fail as pictures go wrong: accuracy under each corruption, at each severity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from clothier.types import Classifier, Floats, Images, Progress

    CorrectFn = Callable[[Floats, slice], npt.NDArray[np.bool_]]

BATCH = 500  # pictures corrupted together, each lot with a seed of its own; bounds memory
MIN_ERROR = 0.001  # of an error: what a reference is taken to have at least, as none can be divided by


@dataclass(frozen=True, slots=True)
class RobustnessResult:
    """One model on corrupted pictures.

    Attributes:
        n: pictures under each corruption at each severity.
        accuracy: name of a corruption to the accuracies at severity 1 to 5, 0 to 1.
        relative_error: mean over corruptions of the model's error by the first model's (arXiv 1903.12261, section
            4.2, with the first model in AlexNet's place); 1 for the first.
    """

    n: int
    accuracy: Mapping[str, tuple[float, ...]]
    relative_error: float = 1.0

    @property
    def mean_accuracy(self) -> dict[str, float]:
        """Mean accuracy over the severities, by corruption."""
        return {name: float(np.mean(scores)) for name, scores in self.accuracy.items()}

    def relative_to(self, reference: RobustnessResult) -> RobustnessResult:
        """The same, with its error told in that of ``reference``."""
        ratios = [
            (1 - mean) / max(1 - reference.mean_accuracy[name], MIN_ERROR) for name, mean in self.mean_accuracy.items()
        ]
        return replace(self, relative_error=float(np.mean(ratios)))

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "corruptions": {name: list(scores) for name, scores in self.accuracy.items()},
            "mean_corruption_accuracy": float(np.mean(list(self.mean_accuracy.values()))),
            "relative_corruption_error": self.relative_error,
            "corrupted_n": self.n,
        }


def evaluate_corruptions(
    classifier: Classifier, images: Images, is_correct: CorrectFn, *, name: str = "", progress: Progress = no_progress
) -> RobustnessResult:
    """A model's accuracy on ``images`` under each corruption at each severity.

    Args:
        classifier: the model.
        images: N pictures of its view.
        is_correct: tells of logits (n, K) and the place of their pictures which of them are right: (n,) bool.
        name: what progress calls the model.
        progress: told of every corruption and severity.
    """
    total = len(CORRUPTIONS) * len(SEVERITIES)
    accuracy: dict[str, tuple[float, ...]] = {}
    for kind in CORRUPTIONS:
        scores: list[float] = []
        for severity in SEVERITIES:
            progress(f"corrupt, {name}", len(accuracy) * len(SEVERITIES) + len(scores), total, f"{kind} {severity}")
            scores.append(_accuracy(classifier, images, is_correct, kind, severity))
        accuracy[kind] = tuple(scores)
    progress(f"corrupt, {name}", total, total)
    return RobustnessResult(len(images), accuracy)


def relative_to_first(results: Sequence[RobustnessResult]) -> list[RobustnessResult]:
    """Each with its error told in that of the first."""
    return [one.relative_to(results[0]) for one in results]


def _accuracy(classifier: Classifier, images: Images, is_correct: CorrectFn, corruption: str, severity: int) -> float:
    good = 0
    for start in range(0, len(images), BATCH):
        lot = slice(start, start + BATCH)
        logits = classifier.run(CORRUPTIONS[corruption](images[lot], severity, seed=start)).logits
        good += int(is_correct(logits, lot).sum())
    return good / len(images)
