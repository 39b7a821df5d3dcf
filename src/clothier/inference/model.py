"""The public :class:`Model`: a classifier with its calibration. It predicts image files and decides on tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from clothier.colors import VERSION as COLORS_VERSION
from clothier.colors import main_colors
from clothier.data.fingerprints import dhash_both_ways, matches
from clothier.data.photos import decode_for, is_fashion_mnist_image, preprocess, to_jpeg
from clothier.data.photos.preprocessing import VERSION as PREPROCESSING_VERSION
from clothier.data.photos.save_input import create_folder, save_input
from clothier.errors import ImageError, StorageError, UsageError
from clothier.inference.catalogue import judge_catalogue
from clothier.metrics import softmax
from clothier.paths import local_path, optional_path, require_names
from clothier.selective.decisions import DecisionResult, decide, describe_limits
from clothier.system import parallel_map
from clothier.taxonomy import company_code, read_taxonomy
from clothier.types import ClassProbability, FailedInput, Prediction, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from clothier.selective.ood import OodScorer
    from clothier.selective.shift import Float16Array, ShiftDetector
    from clothier.selective.thresholds import Thresholds
    from clothier.types import (
        BoolArray,
        CatalogueShift,
        Classifier,
        Float64Array,
        Floats,
        GarmentColor,
        Images,
        ModelOutput,
        Progress,
    )

FALLBACK_REASON = "28x28 grayscale images are classified by {} instead of {}."
NO_THRESHOLDS = "No thresholds: run `clothier calibrate`."
COLOR_CHANNELS = 3
Input = TypeVar("Input")
DECODE_BATCH = 64  # files decoded before the model runs on them together
PREVIEW_SIDE = 384  # pixels of the longer side; fewer where the photo was decoded smaller for the model
PREVIEW_QUALITY = 75  # of JPEG: a quarter smaller than with 84


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedOutput:
    """Output of a model for N images.

    Attributes:
        logits: (N, K) float32, divided by the temperature.
        probabilities: (N, K) float64, rows sum to 1.
        ood_scores: (N,) float64, higher is further from the training images; None if the model has no OOD score.
        embeddings: (N, D) float32, of the last hidden layer; (N, 0) where logits and scores were stored without them.
        shift_features: (N, P) float16, what the test for an unlike catalogue needs; None if the model has no such test.
    """

    logits: Floats
    probabilities: Float64Array
    ood_scores: Float64Array | None
    embeddings: Floats
    shift_features: Float16Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """A decoded file."""

    file: str
    image: Images  # the input of the model
    model: Model  # which classifies it
    notes: tuple[str, ...]
    colors: tuple[GarmentColor, ...] | None  # of the garment; None if the model takes gray images
    preview: bytes | None = None  # a small JPEG of the whole photo, if it was wanted


class Model:
    """A trained model: ``clothier.load("fashion-cnn").predict(["shoe.png"])``. It is a ``Classifier`` itself.

    Attributes:
        name: of the model.
        classes: the K class names in the order of the logits.
        input_spec: the image that the model takes.
        thresholds: when a tag is accepted; None if the model was not calibrated for that.
        temperature: by which the logits were divided.
        shift_detector: recognizes a catalogue that is unlike the training images; None if the model cannot tell.
        fallback: classifies 28x28 grayscale images instead; None for no such model.
        bundle_digest: of the files that determine logits and OOD score.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        thresholds: Thresholds | None = None,
        ood_scorer: OodScorer | None = None,
        shift_detector: ShiftDetector | None = None,
        training_hashes: npt.NDArray[np.uint8] | None = None,
        calibration_hashes: npt.NDArray[np.uint8] | None = None,
        fallback: Model | None = None,
        temperature: float = 1.0,
        digest: str = "",
    ) -> None:
        """Combines a classifier with its calibration.

        Args:
            classifier: computes logits and embeddings.
            thresholds: None if nothing is to be decided.
            ood_scorer: None if there is no OOD score.
            shift_detector: None if the model cannot tell whether a catalogue is unlike the training images.
            training_hashes: (M, 64) uint8, perceptual hashes of the training images; None if they are unknown.
            calibration_hashes: the same of the images that thresholds and temperature were fitted to.
            fallback: the model that classifies 28x28 grayscale images instead; None for no such model.
            temperature: by which ``classifier`` divides its logits.
            digest: of the files that determine logits and OOD score.
        """
        self.name, self.classes, self.input_spec = classifier.name, classifier.classes, classifier.input_spec
        self.thresholds, self.temperature, self.shift_detector = thresholds, temperature, shift_detector
        self._classifier, self._ood_scorer = classifier, ood_scorer
        self._training_hashes, self._calibration_hashes = training_hashes, calibration_hashes
        self.fallback, self.bundle_digest = fallback, digest

    def run(self, images: Images) -> ModelOutput:
        """Logits (N, K) and embeddings (N, D) of (N, H, W) or (N, H, W, 3) uint8 images of ``input_spec``."""
        return self._classifier.run(images)

    def predict_images(self, images: Images) -> CalibratedOutput:
        """Logits, probabilities, OOD scores and shift features of N uint8 images of ``input_spec``."""
        output, detector = self.run(images), self.shift_detector
        ood_scores = self._ood_scorer.score(output.embeddings) if self._ood_scorer else None
        early = output.early_features
        features = detector.project(early, output.embeddings) if detector and early is not None else None
        return CalibratedOutput(output.logits, softmax(output.logits), ood_scores, output.embeddings, features)

    def decide(self, output: CalibratedOutput) -> list[DecisionResult | None]:
        """Accept, review or reject, for each of N outputs; None for each if the model has no thresholds."""
        if self.thresholds is None:
            return [None] * len(output.probabilities)
        return list(decide(output.probabilities, output.ood_scores, self.thresholds, self.classes))

    def was_trained_on(self, images: Images) -> BoolArray:
        """(N,) bool: images whose perceptual hash, or that of their mirror image, matches a training image.

        All are False if the hashes of the training images are unknown.
        """
        return _match(images, self._training_hashes)

    def was_calibrated_on(self, images: Images) -> BoolArray:
        """The same for the images that thresholds and temperature were fitted to."""
        return _match(images, self._calibration_hashes)

    def predict(
        self,
        files: Iterable[str | Path],
        *,
        top: int = 3,
        taxonomy: str | Path | None = None,
        save_inputs: str | Path | None = None,
        trust_model: bool = False,
        progress: Progress = no_progress,
    ) -> list[Prediction | FailedInput]:
        """Predicts each file, in the given order.

        A file that cannot be read is reported, and one whose input cannot be saved; the others continue. Thirty or more
        files are tested together: if they are unlike the training images, none is accepted.

        Args:
            files: images of one garment each.
            top: number of classes to name, the most probable first.
            taxonomy: a company's code for each class, TOML or CSV (:func:`clothier.taxonomy.read_taxonomy`).
            save_inputs: directory for the preprocessed images, as PNG files; created if missing.
            trust_model: accept tags even if the images are unlike the training images.
            progress: called after every batch.

        Raises:
            UsageError: ``top`` is less than 1, or ``files`` is a single name and not a list.
            DataError: the taxonomy cannot be read, or has other classes than the model.
            StorageError: ``save_inputs`` cannot be created.
        """
        paths = require_names(files, "files")
        return self.predict_inputs(
            paths,
            len(paths),
            self.decode,
            top=top,
            taxonomy=taxonomy,
            save_inputs=save_inputs,
            trust_model=trust_model,
            progress=progress,
        )

    def predict_inputs(
        self,
        inputs: Iterable[Input],
        n: int,
        decode: Callable[[Input], DecodedPhoto | FailedInput],
        *,
        top: int = 3,
        taxonomy: str | Path | None = None,
        save_inputs: str | Path | None = None,
        trust_model: bool = False,
        progress: Progress = no_progress,
    ) -> list[Prediction | FailedInput]:
        """As :meth:`predict`, for ``n`` inputs of any kind; ``decode`` turns each into a photo, in threads.

        The inputs are taken batch by batch, so that they need not be in memory together.
        """
        if not (hasattr(top, "__index__") and top >= 1):
            raise UsageError(f"top is {top!r}; it must be a whole number, 1 or more.")
        codes = None if taxonomy is None else read_taxonomy(local_path(taxonomy), self.classes)
        folder = optional_path(save_inputs)
        if folder:
            create_folder(folder)
        results: list[Prediction | FailedInput] = []
        features: list[Float16Array] = []
        remaining = iter(inputs)
        while taken := list(islice(remaining, DECODE_BATCH)):
            batch = parallel_map(decode, taken)
            results += self.predict_photos(batch, top=top, codes=codes, save_inputs=folder, features=features)
            progress("predict", len(results), n)
        return self.judge(results, features, trusted=trust_model)

    def judge(
        self, results: Sequence[Prediction | FailedInput], features: Sequence[Float16Array], *, trusted: bool = False
    ) -> list[Prediction | FailedInput]:
        """Tests images that were given together, by the ``features`` of :meth:`predict_photos`; accepts none if unlike.

        ``trusted`` accepts them nevertheless.
        """
        shift = self.test_catalogue(np.concatenate(features)) if features else None
        return judge_catalogue(results, self.name, shift, trusted=trusted)

    def test_catalogue(self, shift_features: Float16Array) -> CatalogueShift | None:
        """Tests whether a batch is unlike the training images, from (N, P) features; None if the model cannot tell."""
        return self.shift_detector.test(shift_features) if self.shift_detector else None

    def decode(
        self, file: str | Path, content: bytes | None = None, *, with_preview: bool = False
    ) -> DecodedPhoto | FailedInput:
        """The model's input for a file; ``content`` is what is in it, None to read it."""
        if not str(file):
            return FailedInput("", "not-found", "The name of an image file is empty. Give the path of one.")
        try:
            image, notes = decode_for(Path(file), self.input_spec, content)
        except ImageError as error:
            return FailedInput(str(file), error.code, str(error))
        model = self.fallback if self.fallback and is_fashion_mnist_image(image) else self
        pixels = preprocess(image, model.input_spec)
        colors = main_colors(pixels) if model.input_spec.channels == COLOR_CHANNELS else None
        preview = to_jpeg(image, PREVIEW_SIDE, PREVIEW_QUALITY) if with_preview else None
        return DecodedPhoto(str(file), pixels, model, notes, colors, preview)

    @property
    def fallback_name(self) -> str | None:
        """The name of the fallback; None without one."""
        return self.fallback.name if self.fallback else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what determines logits (but for the temperature), OOD scores and colors of a file."""
        fallback = self.fallback.bundle_digest if self.fallback else ""
        return hashlib.sha256(
            f"{PREPROCESSING_VERSION} {COLORS_VERSION} {self.bundle_digest} {fallback}".encode()
        ).hexdigest()

    def predict_photos(
        self,
        batch: Sequence[DecodedPhoto | FailedInput],
        *,
        top: int = 3,
        codes: Mapping[str, str] | None = None,
        save_inputs: Path | None = None,
        features: list[Float16Array] | None = None,
    ) -> list[Prediction | FailedInput]:
        """Predicts photos that :meth:`decode` has decoded; each model runs once, on all of its images together.

        Args:
            batch: the photos; those that could not be decoded are returned as they are.
            top: number of classes to name, the most probable first.
            codes: a company's code for each class.
            save_inputs: directory for the preprocessed images, which exists.
            features: gets this model's features for :meth:`judge`; None to leave that out.
        """
        photos = {index: one for index, one in enumerate(batch) if isinstance(one, DecodedPhoto)}
        results: dict[int, Any] = dict(enumerate(batch))
        for model in dict.fromkeys(one.model for one in photos.values()):
            own = {index: one for index, one in photos.items() if one.model is model}
            output = model.predict_images(np.stack([one.image for one in own.values()]))
            if features is not None and model is self and output.shift_features is not None:
                features.append(output.shift_features)
            for (index, photo), row, result in zip(
                own.items(), output.probabilities, model.decide(output), strict=True
            ):
                try:
                    results[index] = self._prediction(photo, row, result, top, codes, save_inputs)
                except StorageError as error:
                    results[index] = FailedInput(photo.file, "not-saved", str(error))
        return list(results.values())

    def _prediction(
        self,
        photo: DecodedPhoto,
        probabilities: Float64Array,
        result: DecisionResult | None,
        top: int,
        codes: Mapping[str, str] | None,
        save_inputs: Path | None,
    ) -> Prediction:
        model, reason = photo.model, result.reason if result else NO_THRESHOLDS
        if model is not self:
            codes, reason = None, f"{FALLBACK_REASON.format(model.name, self.name)} {reason}"
        order = np.argsort(-probabilities, kind="stable")[:top]
        best = tuple(ClassProbability(model.classes[i], float(probabilities[i])) for i in order)
        return Prediction(
            photo.file,
            best,
            decision=result.decision if result else None,
            reason=reason,
            model=model.name,
            limits=describe_limits(model.thresholds) if model.thresholds else None,
            code=company_code(best[0].name, result.decision if result else None, codes),
            input_file=str(save_input(photo.image, save_inputs, photo.file)) if save_inputs else None,
            notes=photo.notes,
            colors=photo.colors,
        )


def _match(images: Images, hashes: npt.NDArray[np.uint8] | None) -> BoolArray:
    return np.zeros(len(images), bool) if hashes is None else matches(dhash_both_ways(images), hashes)
