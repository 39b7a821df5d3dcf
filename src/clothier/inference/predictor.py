"""A model with all that its bundle knows of doubt: what it says of pictures, and what to do with that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.perceptual_hash import dhash, matches, read_hashes
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.decisions import DecisionResult, decide
from clothier.selective.ood import OodScorer
from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import Bundle
    from clothier.types import Classifier, Floats, Images

    Hashes = npt.NDArray[np.uint8]
    Doubles = npt.NDArray[np.float64]

NO_THRESHOLDS = "the model has no thresholds yet, so it neither accepts nor sends to review"


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedOutput:
    """What a model says of N pictures.

    Attributes:
        logits: (N, K) float32, divided by the temperature.
        probabilities: (N, K) float64, rows sum to 1.
        ood_scores: (N,) float64, higher is stranger; None where the model cannot tell.
    """

    logits: Floats
    probabilities: Doubles
    ood_scores: Doubles | None


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """A classifier, when to ask a person, and how strange a picture is.

    Attributes:
        classifier: the model.
        thresholds: None where it has none: then it decides nothing.
        ood_scorer: None where it cannot tell strangers.
        training_hashes: (M, 32) uint8, difference hashes of what it learnt from; None where that is not known.
    """

    classifier: Classifier
    thresholds: Thresholds | None = None
    ood_scorer: OodScorer | None = None
    training_hashes: Hashes | None = None

    def was_trained_on(self, images: Images) -> npt.NDArray[np.bool_]:
        """Which of N pictures the model learnt from, as far as it knows: (N,) bool."""
        if self.training_hashes is None:
            return np.zeros(len(images), bool)
        return matches(dhash(images), self.training_hashes)

    def predict_images(self, images: Images) -> CalibratedOutput:
        """Looks at N pictures of the classifier's view."""
        outputs = self.classifier.run(images)
        strange = self.ood_scorer.score(outputs.logits, outputs.embeddings) if self.ood_scorer and len(images) else None
        return CalibratedOutput(outputs.logits, softmax(outputs.logits), strange)

    def decide(self, output: CalibratedOutput) -> list[DecisionResult | None]:
        """What to do with each of N answers; None for all where the model has no thresholds."""
        if self.thresholds is None:
            return [None] * len(output.probabilities)
        return list(decide(output.probabilities, output.ood_scores, self.thresholds, self.classifier.classes))


def load_predictor(bundle: Bundle) -> Predictor:
    """Loads all that a bundle holds.

    Raises:
        ModelError: the graph, the thresholds, the novelty score or the hashes are damaged.
    """
    novelty = OodScorer.read(bundle.ood) if bundle.ood else None
    learnt = read_hashes(bundle.training_hashes) if bundle.training_hashes else None
    return Predictor(OnnxClassifier(bundle), Thresholds.from_json(bundle.metadata.thresholds), novelty, learnt)
