"""How fast models fail as pictures go wrong: accuracy under each corruption, at each severity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from clothier.types import Classifier, Floats, Images, Progress

    Right = Callable[[Floats, slice], npt.NDArray[np.bool_]]

CHUNK = 500  # pictures corrupted together, each lot with a seed of its own; bounds memory
MILLESIMAL = 0.001  # of an error: what a reference is taken to have at least, as none can be divided by


@dataclass(frozen=True, slots=True)
class Corrupted:
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
    def means(self) -> dict[str, float]:
        """Mean accuracy over the severities, by corruption."""
        return {name: float(np.mean(scores)) for name, scores in self.accuracy.items()}

    def relative_to(self, first: Corrupted) -> Corrupted:
        """The same, with its error told in that of ``first``."""
        ratios = [(1 - mean) / max(1 - first.means[name], MILLESIMAL) for name, mean in self.means.items()]
        return replace(self, relative_error=float(np.mean(ratios)))

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "corruptions": {name: list(scores) for name, scores in self.accuracy.items()},
            "mean_corruption_accuracy": float(np.mean(list(self.means.values()))),
            "relative_corruption_error": self.relative_error,
            "corrupted_n": self.n,
        }


def corrupt(
    classifier: Classifier, images: Images, right: Right, *, name: str = "", progress: Progress = silent
) -> Corrupted:
    """A model's accuracy on ``images`` under each corruption at each severity.

    Args:
        classifier: the model.
        images: N pictures of its view.
        right: tells of logits (n, K) and the place of their pictures which of them are right: (n,) bool.
        name: what progress calls the model.
        progress: told of every corruption and severity.
    """
    total = len(CORRUPTIONS) * len(SEVERITIES)
    accuracy: dict[str, tuple[float, ...]] = {}
    for kind in CORRUPTIONS:
        scores: list[float] = []
        for severity in SEVERITIES:
            progress(f"corrupt, {name}", len(accuracy) * len(SEVERITIES) + len(scores), total, f"{kind} {severity}")
            scores.append(_accuracy(classifier, images, right, kind, severity))
        accuracy[kind] = tuple(scores)
    progress(f"corrupt, {name}", total, total)
    return Corrupted(len(images), accuracy)


def relative(found: Sequence[Corrupted]) -> list[Corrupted]:
    """Each with its error told in that of the first."""
    return [one.relative_to(found[0]) for one in found]


def _accuracy(classifier: Classifier, images: Images, right: Right, kind: str, severity: int) -> float:
    good = 0
    for start in range(0, len(images), CHUNK):
        lot = slice(start, start + CHUNK)
        logits = classifier.run(CORRUPTIONS[kind](images[lot], severity, seed=start)).logits
        good += int(right(logits, lot).sum())
    return good / len(images)
