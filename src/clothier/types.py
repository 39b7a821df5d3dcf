"""Types that several modules share.

Shapes, here and everywhere: N images, C channels, H height, W width, K classes, D embedding.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Labels = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float32]
    Float64Array = npt.NDArray[np.float64]
    Int64Array = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]


DEFAULT_MODEL = "photo"
"""The bundled model that is used when none is named; defined here so that ``--help`` does not import numpy."""
NORMAL_95 = 1.959963984540054  # standard deviations on each side of a 95 % interval
SHARE_ACCEPTED = 0.05  # of the accepted tags that are reviewed too, to check the risk guarantee
MAX_ACCEPTED = 10_000  # tags that are accepted at once

SCOPES = ("read", "review", "admin")
"""What a key of the HTTP API allows; each includes those before it. Here for the same reason."""


class Progress(Protocol):
    """A callback for the progress of long work."""

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """``done`` of ``total`` units of ``task`` are finished; ``note`` is the latest result, if any."""


def no_progress(task: str, done: float, total: float, note: str = "") -> None:
    """A :class:`Progress` that does nothing."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input of a model.

    Attributes:
        kind: the preprocessing: ``fashion_mnist``, 28x28 grayscale with a light garment on black, or ``center_crop``,
            the central square in RGB (H == W).
        height: H, pixels.
        width: W, pixels.
        channels: C; 1 means arrays of (N, H, W), 3 means (N, H, W, 3).
    """

    kind: str = "fashion_mnist"
    height: int = 28
    width: int = 28
    channels: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image as an array: (H, W), or (H, W, C) in color."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """The output of a classifier for N images.

    Attributes:
        logits: (N, K) float32, before softmax.
        embeddings: (N, D) float32, the last hidden layer.
        early_features: (N, F) float32, mean and standard deviation of each channel of an early block; None if the
            model has no such output.
    """

    logits: Floats
    embeddings: Floats
    early_features: Floats | None = None


class Classifier(Protocol):
    """The central interface: images in, logits and embeddings out."""

    @property
    def name(self) -> str:
        """The model's name, such as ``fashion-cnn``."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The K class names in the order of the logits."""
        ...

    @property
    def input_spec(self) -> InputSpec:
        """The input that it expects."""
        ...

    def run(self, images: Images) -> ModelOutput:
        """Classifies ``images``, (N, H, W) or (N, H, W, C) uint8 as :attr:`input_spec` says."""
        ...


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """One class and its predicted probability."""

    name: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"class": self.name, "probability": self.probability}


Decision = Literal["accept", "review", "reject"]


@dataclass(frozen=True, slots=True)
class GarmentColor:
    """A color of a garment.

    Attributes:
        name: one of :data:`clothier.colors.color_names.NAMES`, or multicolor.
        hex: the median of its pixels as photographed, such as ``#1f3a93``.
        share: of the garment's pixels, 0 to 1.
    """

    name: str
    hex: str
    share: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CatalogueShift:
    """Whether a batch of photos is unlike the photos from which the model's risk guarantee was made.

    Attributes:
        n: photos of the batch.
        unlike: None if they are too few to tell.
        p_value: of the test; None if they are too few.
        share: fraction of photos that look unlike on their own; None if they are too few.
        expected_share: that fraction among like photos.
    """

    n: int
    unlike: bool | None
    p_value: float | None
    share: float | None
    expected_share: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one image.

    Attributes:
        file: the image, as the user named it.
        top: the most probable classes, best first.
        decision: accept, review or reject; None if the model has no thresholds.
        reason: one sentence on the decision.
        model: the name of the model.
        limits: what its limits guarantee, and what they come from; None without thresholds.
        code: the company's code for the most probable class, if a taxonomy was given.
        input_file: the file with the preprocessed input, if ``--save-inputs`` was given.
        notes: one sentence for each thing that was ignored or missing in the image file.
        colors: of the garment, the largest first; empty if no garment was found; None if the model takes gray images.
        catalogue: of all images that were predicted together; None if the model cannot tell.
        trusted: whether the user asked to accept tags of an unlike catalogue, too.
    """

    file: str
    top: tuple[ClassProbability, ...]
    decision: Decision | None
    reason: str
    model: str
    limits: str | None = None
    code: str | None = None
    input_file: str | None = None
    notes: tuple[str, ...] = ()
    colors: tuple[GarmentColor, ...] | None = None
    catalogue: CatalogueShift | None = None
    trusted: bool = False

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "file": self.file,
            **self.top[0].to_json(),
            "top": [one.to_json() for one in self.top],
            "decision": self.decision,
            "reason": self.reason,
            "model": self.model,
            **{name: value for name in ("limits", "code", "input_file") if (value := getattr(self, name)) is not None},
            **({"colors": [one.to_json() for one in self.colors]} if self.colors is not None else {}),
            **({"notes": list(self.notes)} if self.notes else {}),
            **({"catalogue": self.catalogue.to_json()} if self.catalogue else {}),
            **({"trusted": True} if self.trusted else {}),
        }


@dataclass(frozen=True, slots=True)
class FailedInput:
    """An image that could not be read."""

    file: str
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"file": self.file, "error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of training: a row of ``results.csv``.

    Attributes:
        epoch: 1 for the first.
        train_loss: mean loss over the epoch's batches, nats, with augmentation and label smoothing.
        train_accuracy: on the augmented batches, before each step; 0 to 1.
        validation_loss: cross-entropy on validation, nats; None if the recipe has no validation images.
        validation_accuracy: 0 to 1, or None.
        learning_rate: at the epoch's last step, of the main parameter group.
        seconds: training and validation of this epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Column name to value, in the order of ``results.csv``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one class (0 to 1; 0 where undefined); n images have this label."""

    name: str
    precision: float
    recall: float
    f1: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        values = asdict(self)
        return {"class": values.pop("name"), **values}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of a classifier on labeled images.

    Attributes:
        n: number of images.
        accuracy: fraction of correct predictions, 0 to 1.
        accuracy_tta: with test-time augmentation; None if not measured.
        standard_error: of ``accuracy`` a: binomial, sqrt(a (1 - a) / n); for photos in groups, robust to these.
        macro_f1: unweighted mean of the F1 of the classes that occur in the labels.
        macro_recall: unweighted mean of their recall.
        per_class: one for each class, in the order of the labels.
        confusion: K rows (true class) of K counts (predicted class).
        ece: expected calibration error; 15 equal-width bins of the top label's probability.
        nll: mean negative log-likelihood, nats.
        brier: mean squared distance of the probabilities from the one-hot label, 0 to 2.
    """

    n: int
    accuracy: float
    accuracy_tta: float | None
    standard_error: float
    macro_f1: float
    macro_recall: float
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    nll: float
    brier: float

    def to_json(self) -> dict[str, Any]:
        """As ``metrics.json`` and ``--json`` hold it."""
        return {
            **asdict(self),
            "per_class": [score.to_json() for score in self.per_class],
            "confusion": [list(row) for row in self.confusion],
        }


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """McNemar's exact test of two classifiers on the same n images.

    Attributes:
        only_first: images that only the first classified correctly.
        only_second: images that only the second classified correctly.
        difference: accuracy of the first minus accuracy of the second.
        interval: 95 % interval of the difference, by Tango's score test.
        p_value: two-sided exact binomial test on the images where only one is correct.
    """

    n: int
    only_first: int
    only_second: int
    difference: float
    interval: tuple[float, float]
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**asdict(self), "interval": list(self.interval)}
