"""The use case of ``clothier predict``: picture files in, an answer for each out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier import bundle
from clothier.data.photos import decode_for, is_fashion_mnist_image, preprocess
from clothier.data.photos.save_input import save_input
from clothier.errors import ImageError, UsageError
from clothier.inference.predictor import NO_THRESHOLDS, Predictor, load_predictor
from clothier.system import available_cores
from clothier.taxonomy import read_taxonomy
from clothier.types import DEFAULT_MODEL, ClassProbability, FailedInput, Prediction, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.selective.decisions import DecisionResult
    from clothier.selective.ood import OodScorer
    from clothier.selective.thresholds import Thresholds
    from clothier.taxonomy import Taxonomy
    from clothier.types import Classifier, Images, ModelOutput, Progress

    Doubles = npt.NDArray[np.float64]

PHOTO_MODEL, FALLBACK_MODEL = (
    "photo",
    "fashion-cnn",
)  # the shipped photo model, and who answers for 28x28 grey pictures in its place
FALLBACK_REASON = "a 28x28 grey picture is Fashion-MNIST's view, so {} answers for {}"
DECODE_BATCH = 64  # pictures read before the model looks at them together


@dataclass(frozen=True, slots=True, eq=False)
class _DecodedPhoto:
    """A picture that could be read: the view of it, and who looks at that."""

    file: str
    image: Images
    predictor: Predictor


@dataclass(frozen=True, slots=True)
class _PredictOptions:
    """What is wanted of every answer: how many classes, a company's codes, and where the views are kept."""

    top: int
    taxonomy: Taxonomy | None
    save_inputs: Path | None


class Model:
    """A trained model that answers for files: ``clothier.load("fashion-cnn").predict(["shoe.png"])``."""

    def __init__(
        self,
        classifier: Classifier,
        thresholds: Thresholds | None = None,
        ood_scorer: OodScorer | None = None,
        *,
        fallback: str | None = None,
    ) -> None:
        """Puts a model together.

        Args:
            classifier: what looks at pictures.
            thresholds: when to ask a person; None decides nothing.
            ood_scorer: how strange a picture is; None cannot tell.
            fallback: the bundle that answers for 28x28 grey pictures in its place; None leaves none to another.
        """
        self.classifier = classifier
        self.predictor = Predictor(classifier, thresholds, ood_scorer)
        self._fallback = fallback
        self._fallback_predictor: Predictor | None = None

    def run(self, images: Images) -> ModelOutput:
        """Logits (N, K) and embeddings (N, D) of (N, H, W) or (N, H, W, 3) uint8 pictures."""
        return self.classifier.run(images)

    def predict(
        self,
        files: Sequence[str | Path],
        *,
        top: int = 3,
        taxonomy: Path | None = None,
        save_inputs: Path | None = None,
        progress: Progress = no_progress,
    ) -> list[Prediction | FailedInput]:
        """An answer for each file, in their order; one that cannot be read is named and the others go on.

        Args:
            files: pictures, of one garment each.
            top: how many classes to name, best first.
            taxonomy: a file with a company's own code for each class (:func:`clothier.taxonomy.read_taxonomy`).
            save_inputs: a folder that gets what the model saw of each picture, as PNG files; it is made.
            progress: told of every batch.

        Raises:
            UsageError: ``top`` is less than 1, or ``files`` is one name and no list of them.
            DataError: the taxonomy cannot be read, or is not one of the model's classes.
            StorageError: what the model saw cannot be kept.
        """
        if isinstance(files, str):
            raise UsageError(f"got the one name {files!r}; give a list of files, such as [{files!r}].")
        if top < 1:
            raise UsageError(f"top is {top}; 1 or more classes can be named.")
        codes = read_taxonomy(taxonomy, self.classifier.classes) if taxonomy else None
        asked = _PredictOptions(top, codes, save_inputs)
        answers: list[Prediction | FailedInput] = []
        with ThreadPoolExecutor(available_cores()) as pool:
            for start in range(0, len(files), DECODE_BATCH):
                answers += self._predict_batch(list(pool.map(self._decode, files[start : start + DECODE_BATCH])), asked)
                progress("predict", len(answers), len(files))
        return answers

    def _decode(self, file: str | Path) -> _DecodedPhoto | FailedInput:
        try:
            picture = decode_for(Path(file), self.classifier.input_spec)
        except ImageError as error:
            return FailedInput(str(file), error.code, str(error))
        judge = self._load_fallback() if self._fallback and is_fashion_mnist_image(picture) else self.predictor
        return _DecodedPhoto(str(file), preprocess(picture, judge.classifier.input_spec), judge)

    def _load_fallback(self) -> Predictor:
        """Who answers for 28x28 grey pictures, loaded for the first of them; by two threads twice, at worst."""
        self._fallback_predictor = self._fallback_predictor or load_predictor(
            bundle.resolve(self._fallback or FALLBACK_MODEL)
        )
        return self._fallback_predictor

    def _predict_batch(
        self, batch: Sequence[_DecodedPhoto | FailedInput], options: _PredictOptions
    ) -> list[Prediction | FailedInput]:
        """Each model looks at all of its pictures together."""
        answers: dict[int, Prediction | FailedInput] = {}
        seen: dict[Predictor, dict[int, _DecodedPhoto]] = {}
        for place, one in enumerate(batch):
            if isinstance(one, FailedInput):
                answers[place] = one
            else:
                seen.setdefault(one.predictor, {})[place] = one
        for judge, mine in seen.items():
            instead_of = None if judge is self.predictor else self.classifier.name
            found = _predictions(judge, list(mine.values()), options, instead_of)
            answers |= zip(mine, found, strict=True)
        return [answers[place] for place in range(len(batch))]


def _predictions(
    predictor: Predictor, photos: Sequence[_DecodedPhoto], options: _PredictOptions, fallback_for: str | None
) -> list[Prediction]:
    """What a model says of pictures of its view; ``fallback_for`` names the one that was asked, if it is another."""
    judged = predictor.predict_images(np.stack([one.image for one in photos]))
    rows = zip(photos, judged.probabilities, predictor.decide(judged), strict=True)
    return [_prediction(predictor.classifier, *row, options, fallback_for) for row in rows]


def _prediction(
    classifier: Classifier,
    photo: _DecodedPhoto,
    probabilities: Doubles,
    result: DecisionResult | None,
    options: _PredictOptions,
    fallback_for: str | None,
) -> Prediction:
    order = np.argsort(-probabilities, kind="stable")[: options.top]
    top = tuple(ClassProbability(classifier.classes[i], float(probabilities[i])) for i in order)
    reason = result.reason if result else NO_THRESHOLDS
    return Prediction(
        photo.file,
        top,
        decision=result.decision if result else None,
        reason=f"{FALLBACK_REASON.format(classifier.name, fallback_for)}; {reason}" if fallback_for else reason,
        model=classifier.name,
        code=options.taxonomy.code_of(top[0].name) if options.taxonomy and not fallback_for else None,
        input_file=str(save_input(photo.image, options.save_inputs, photo.file)) if options.save_inputs else None,
    )


def load(name: str = DEFAULT_MODEL) -> Model:
    """A trained model, ready to answer.

    Args:
        name: a shipped bundle's name, a run folder or a bundle's folder.

    Raises:
        UnknownNameError: neither.
        ModelError: the bundle is incomplete, altered or too new.
    """
    judge = load_predictor(bundle.resolve(str(name)))
    small = FALLBACK_MODEL if name == PHOTO_MODEL else None
    return Model(judge.classifier, judge.thresholds, judge.ood_scorer, fallback=small)


def predict(
    files: Sequence[str | Path],
    *,
    model: str = DEFAULT_MODEL,
    top: int = 3,
    taxonomy: Path | None = None,
    save_inputs: Path | None = None,
    progress: Progress = no_progress,
) -> list[Prediction | FailedInput]:
    """:meth:`Model.predict` of the model of that name."""
    return load(model).predict(files, top=top, taxonomy=taxonomy, save_inputs=save_inputs, progress=progress)
