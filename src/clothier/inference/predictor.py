"""A model with all that its bundle knows of doubt: what it says of pictures, and what to do with that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.perceptual_hash import difference_hashes, known_again, read_hashes
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.decisions import Verdict, decide
from clothier.selective.ood import Novelty
from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import Bundle
    from clothier.types import Classifier, Floats, Images

    Hashes = npt.NDArray[np.uint8]
    Doubles = npt.NDArray[np.float64]

UNDECIDED = "the model has no thresholds yet, so it neither accepts nor sends to review"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a model says of N pictures.

    Attributes:
        logits: (N, K) float32, divided by the temperature.
        probabilities: (N, K) float64, rows sum to 1.
        novelty: (N,) float64, higher is stranger; None where the model cannot tell.
    """

    logits: Floats
    probabilities: Doubles
    novelty: Doubles | None


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A classifier, when to ask a person, and how strange a picture is.

    Attributes:
        classifier: the model.
        thresholds: None where it has none: then it decides nothing.
        novelty: None where it cannot tell strangers.
        learnt: (M, 32) uint8, difference hashes of what it learnt from; None where that is not known.
    """

    classifier: Classifier
    thresholds: Thresholds | None = None
    novelty: Novelty | None = None
    learnt: Hashes | None = None

    def learnt_from(self, images: Images) -> npt.NDArray[np.bool_]:
        """Which of N pictures the model learnt from, as far as it knows: (N,) bool."""
        if self.learnt is None:
            return np.zeros(len(images), bool)
        return known_again(difference_hashes(images), self.learnt)

    def judge(self, images: Images) -> Judged:
        """Looks at N pictures of the classifier's view."""
        outputs = self.classifier.run(images)
        strange = self.novelty.score(outputs.logits, outputs.embeddings) if self.novelty and len(images) else None
        return Judged(outputs.logits, softmax(outputs.logits), strange)

    def verdicts(self, judged: Judged) -> list[Verdict | None]:
        """What to do with each of N answers; None for all where the model has no thresholds."""
        if self.thresholds is None:
            return [None] * len(judged.probabilities)
        return list(decide(judged.probabilities, judged.novelty, self.thresholds, self.classifier.classes))


def open_judge(bundle: Bundle) -> Judge:
    """Loads all that a bundle holds.

    Raises:
        ModelError: the graph, the thresholds, the novelty score or the hashes are damaged.
    """
    novelty = Novelty.read(bundle.novelty) if bundle.novelty else None
    learnt = read_hashes(bundle.learnt) if bundle.learnt else None
    return Judge(OnnxClassifier(bundle), Thresholds.from_json(bundle.card.thresholds), novelty, learnt)
