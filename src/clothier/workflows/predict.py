"""The use case of ``clothier predict``: picture files in, an answer for each out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier import bundle
from clothier.analysis.metrics import softmax
from clothier.data.photos import load_view
from clothier.errors import PhotoError, UsageError
from clothier.inference import OnnxClassifier
from clothier.records import ClassProbability, FailedInput, Prediction, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.records import Classifier, Floats, Images, Outputs, Progress

DEFAULT_MODEL = "fashion-cnn"
BATCH = 64  # pictures read before the model looks at them together
UNDECIDED = "the model has no thresholds yet, so it neither accepts nor sends to review"


class Model:
    """A trained model that answers for files: ``clothier.load("fashion-cnn").predict(["shoe.png"])``."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def run(self, images: Images) -> Outputs:
        """Logits (N, K) and embeddings (N, D) of (N, H, W) uint8 pictures."""
        return self.classifier.run(images)

    def predict(
        self, files: Sequence[str | Path], *, top: int = 3, progress: Progress = silent
    ) -> list[Prediction | FailedInput]:
        """An answer for each file, in their order; one that cannot be read is named and the others go on.

        Args:
            files: PNG or JPEG pictures.
            top: how many classes to name, best first.
            progress: told of every batch.

        Raises:
            UsageError: ``top`` is less than 1, or ``files`` is one name and no list of them.
        """
        if isinstance(files, str):
            raise UsageError(f"got the one name {files!r}; give a list of files, such as [{files!r}].")
        if top < 1:
            raise UsageError(f"top is {top}; 1 or more classes can be named.")
        answers: list[Prediction | FailedInput] = []
        for start in range(0, len(files), BATCH):
            answers += self._predict_batch(files[start : start + BATCH], top)
            progress("predict", len(answers), len(files))
        return answers

    def _predict_batch(self, files: Sequence[str | Path], top: int) -> list[Prediction | FailedInput]:
        views = [self._view(file) for file in files]
        whole = [view for view in views if not isinstance(view, FailedInput)]
        rows = iter(softmax(self.classifier.run(np.stack(whole)).logits) if whole else ())
        return [
            view if isinstance(view, FailedInput) else self._answer(str(file), next(rows), top)
            for file, view in zip(files, views, strict=True)
        ]

    def _view(self, file: str | Path) -> Images | FailedInput:
        try:
            return load_view(Path(file), self.classifier.view)
        except PhotoError as error:
            return FailedInput(str(file), error.code, str(error))

    def _answer(self, file: str, probabilities: Floats, top: int) -> Prediction:
        order = np.argsort(-probabilities, kind="stable")[:top]
        guesses = tuple(ClassProbability(self.classifier.classes[i], float(probabilities[i])) for i in order)
        return Prediction(file, guesses, decision=None, reason=UNDECIDED, model=self.classifier.name)


def load(name: str = DEFAULT_MODEL) -> Model:
    """A trained model, ready to answer.

    Args:
        name: a shipped bundle's name, a run folder or a bundle's folder.

    Raises:
        UnknownNameError: neither.
        ModelError: the bundle is incomplete, altered or too new.
    """
    return Model(OnnxClassifier(bundle.find(str(name))))


def predict(
    files: Sequence[str | Path], *, model: str = DEFAULT_MODEL, top: int = 3, progress: Progress = silent
) -> list[Prediction | FailedInput]:
    """:meth:`Model.predict` of the model of that name."""
    return load(model).predict(files, top=top, progress=progress)
