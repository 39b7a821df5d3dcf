"""What crosses the borders between Clothier's parts.

One legend for shapes, here and everywhere: N images, C channels, H height, W width, K classes, D embedding.
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


DEFAULT_MODEL = "photo"
"""The shipped model that answers for a picture when none is named; here, where ``--help`` finds it at once."""


class Progress(Protocol):
    """Whoever wants to know how far long work has come: a bar on a terminal, a log, or nobody."""

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """``done`` of ``total`` units of ``task`` are finished; ``note`` is the latest finding, if any."""


def no_progress(task: str, done: float, total: float, note: str = "") -> None:
    """The :class:`Progress` of those who do not watch."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The picture that a model wants.

    Attributes:
        kind: ``fashion_mnist``, the 28x28 grey view of Fashion-MNIST (light garment on black), or ``square``, the whole
            picture in RGB without its proportions (H == W).
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
        """Shape of one picture as an array: (H, W), or (H, W, C) in colour."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What a classifier says of N pictures, in one pass.

    Attributes:
        logits: (N, K) float32, before softmax.
        embeddings: (N, D) float32, the last hidden layer.
    """

    logits: Floats
    embeddings: Floats


class Classifier(Protocol):
    """The hinge of the house: whatever looks at pictures and answers. A fake of 15 lines satisfies it."""

    @property
    def name(self) -> str:
        """What answers call it, such as ``fashion-cnn``."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The K class names in the order of the logits."""
        ...

    @property
    def input_spec(self) -> InputSpec:
        """The picture that it wants."""
        ...

    def run(self, images: Images) -> ModelOutput:
        """Looks at ``images``, (N, H, W) or (N, H, W, C) uint8 of its view."""
        ...


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """One class and how probable the model holds it."""

    name: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"class": self.name, "probability": self.probability}


Decision = Literal["accept", "review", "reject"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        file: the picture, as the user named it.
        top: the most probable classes, best first.
        decision: whether the tag may stand without a person; None while the model has no thresholds.
        reason: one sentence on the decision.
        model: the name of the model that answered.
        code: the company's own for the most probable class, where a taxonomy was given.
        input_file: the file in which what the model saw was kept, where that was asked for.
    """

    file: str
    top: tuple[ClassProbability, ...]
    decision: Decision | None
    reason: str
    model: str
    code: str | None = None
    input_file: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "file": self.file,
            **self.top[0].to_json(),
            "top": [guess.to_json() for guess in self.top],
            "decision": self.decision,
            "reason": self.reason,
            "model": self.model,
            **{
                name: value
                for name, value in (("code", self.code), ("input_file", self.input_file))
                if value is not None
            },
        }


@dataclass(frozen=True, slots=True)
class FailedInput:
    """A picture that could not be read, named beside the answers for the others."""

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
        train_loss: mean loss over the epoch's batches, nats, augmentation and label smoothing included.
        train_accuracy: on the batches as they were trained on, before each step; 0 to 1.
        validation_loss: cross-entropy on validation, nats; None where a recipe keeps no validation images.
        validation_accuracy: 0 to 1, or None likewise.
        learning_rate: at the epoch's last step, of the recipe's main group.
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
    """How one class fared: precision, recall and F1 (0 to 1; 0 where undefined), over n images of it."""

    name: str
    precision: float
    recall: float
    f1: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"class": self.name, "precision": self.precision, "recall": self.recall, "f1": self.f1, "n": self.n}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classifier held against labels.

    Attributes:
        n: number of images.
        accuracy: share of right answers, 0 to 1.
        accuracy_tta: the same with test-time augmentation, None unless the protocol says so.
        standard_error: of ``accuracy``, binomial: sqrt(a (1 - a) / n).
        macro_f1: unweighted mean of the classes' F1.
        macro_recall: unweighted mean of the classes' recall.
        per_class: one score a class, in the order of the labels.
        confusion: K rows (true) of K counts (answered).
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
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_tta": self.accuracy_tta,
            "standard_error": self.standard_error,
            "macro_f1": self.macro_f1,
            "macro_recall": self.macro_recall,
            "per_class": [score.to_json() for score in self.per_class],
            "confusion": [list(row) for row in self.confusion],
            "ece": self.ece,
            "nll": self.nll,
            "brier": self.brier,
        }


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """McNemar's exact test: do two classifiers, asked the same n questions, differ?

    Attributes:
        only_first: images that only the first got right.
        only_second: images that only the second got right.
        difference: accuracy of the first less that of the second.
        interval: 95 % interval of the difference, from the paired variance.
        p_value: two-sided exact binomial on the images where they disagree.
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
