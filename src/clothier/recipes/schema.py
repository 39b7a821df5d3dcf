"""What a recipe can say: every number that decides a result, as frozen fields."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from clothier.errors import UsageError

ModelName = Literal["dnn", "cnn"]
MODELS: tuple[str, ...] = get_args(ModelName)

STUDY_VALIDATION_FRACTION = 0.2  # the study's 80/20 split: 48,000 / 12,000 of Fashion-MNIST
MAX_MIXUP_ALPHA = 100.0  # of mixup; from there on every blend is half and half
TUNING_VALIDATION_FRACTION = (
    1 / 12
)  # 55,000 / 5,000 of Fashion-MNIST: more to learn from, still +-0.3 points to choose by


@dataclass(frozen=True, slots=True, kw_only=True)
class PcaMlp:
    """Fully connected layers on PCA features; the projection is part of the model.

    Attributes:
        components: how many principal components, or the share of variance (0 to 1) they must explain.
        whitening: exponent w in z / (variance + ridge)^w. 0 leaves the features as they are, 1/2 gives each the
            same variance; 1/4 lies between and keeps the noise of the last components down.
        hidden: widths of the hidden layers.
        batch_norm: BatchNorm after each hidden Linear.
        activation: between layers.
        dropout: share of hidden units dropped in training.
    """

    kind: Literal["pca-mlp"] = "pca-mlp"
    components: int | float = 0.95
    whitening: float = 0.0
    hidden: tuple[int, ...] = (64,)
    batch_norm: bool = False
    activation: Literal["relu", "gelu"] = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        held = self.components >= 1 if isinstance(self.components, int) else 0 < self.components < 1
        _require(held, "network.components", self.components, "a count from 1, or a share above 0 and below 1")
        _require(0 <= self.whitening <= 1, "network.whitening", self.whitening, "0 to 1")
        _require(_are_positive(self.hidden), "network.hidden", self.hidden, "widths of 1 or more")
        _require(0 <= self.dropout < 1, "network.dropout", self.dropout, "0 or more, below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCnn:
    """The study's CNN: four 3x3 convolutions (16, 32, 64, 128) and three dense layers, 262,890 parameters."""

    kind: Literal["study-cnn"] = "study-cnn"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhitenedCnn:
    """A frozen whitening stem and groups of convolutions, after airbench (github KellerJordan/cifar10-airbench).

    Attributes:
        patch: side of the stem's patches, pixels. 4x4 gives 16 eigenvectors; with their negatives 32 channels.
        widths: channels of each group; each group halves the picture's side.
        depths: convolutions of each group. From the third on, a residual runs around the group's later ones.
        pooled_stem: halve the stem's maps at once: a quarter of the work. Without it, small garments' details last.
    """

    kind: Literal["whitened-cnn"] = "whitened-cnn"
    patch: int = 4
    widths: tuple[int, ...] = (64, 128, 256)
    depths: tuple[int, ...] = (2, 2, 2)
    pooled_stem: bool = True

    def __post_init__(self) -> None:
        _require(1 <= self.patch <= 14, "network.patch", self.patch, "1 to 14 pixels")
        _require(bool(self.widths) and _are_positive(self.widths), "network.widths", self.widths, "widths of 1 or more")
        right = len(self.depths) == len(self.widths) and min(self.depths) >= 1
        _require(right, "network.depths", self.depths, f"1 or more for each of the {len(self.widths)} widths")


Network = PcaMlp | StudyCnn | WhitenedCnn
NETWORKS: dict[str, type[Network]] = {"pca-mlp": PcaMlp, "study-cnn": StudyCnn, "whitened-cnn": WhitenedCnn}
NETWORK_KINDS = {"dnn": ("pca-mlp",), "cnn": ("study-cnn", "whitened-cnn")}
"""The networks that may bear a model's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """How weights move.

    Attributes:
        kind: ``adam`` or ``rmsprop`` (PyTorch's defaults but for the rate; the study tried both), ``adamw``, or
            ``muon``: orthogonalised momentum for every matrix and filter bank (github KellerJordan/Muon), Nesterov SGD
            for biases, norms and the head.
        learning_rate: peak rate; of muon's matrices when ``kind`` is muon.
        head_learning_rate: muon only: peak rate of the last layer.
        bias_learning_rate: muon only: peak rate of biases and norms.
        momentum: muon only.
        weight_decay: decoupled for adamw; for muon's SGD groups relative to their rate.
        schedule: ``constant``, or ``linear``: linear up over ``warmup``, linear down to 0.
        warmup: share of all steps, 0 to 1.
    """

    kind: Literal["adam", "rmsprop", "adamw", "muon"] = "adam"
    learning_rate: float = 1e-3
    head_learning_rate: float = 0.0
    bias_learning_rate: float = 0.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Literal["constant", "linear"] = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        _require(self.learning_rate > 0, "optimizer.learning_rate", self.learning_rate, "above 0")
        _require(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "0 or more")
        _require(0 <= self.momentum < 1, "optimizer.momentum", self.momentum, "0 or more, below 1")
        _require(0 <= self.warmup < 1, "optimizer.warmup", self.warmup, "0 or more, below 1")
        for name in ("head_learning_rate", "bias_learning_rate"):
            rate = getattr(self, name)
            _require(rate > 0 or self.kind != "muon", f"optimizer.{name}", rate, "above 0 with muon")
        self._reject_unused()

    def _reject_unused(self) -> None:
        """Refuses a number that the optimizer or the schedule would not look at."""
        idle = {
            "head_learning_rate": self.kind != "muon",
            "bias_learning_rate": self.kind != "muon",
            "momentum": self.kind != "muon",
            "weight_decay": self.kind in ("adam", "rmsprop"),
            "warmup": self.schedule == "constant",
        }
        for name, without in idle.items():
            value, chosen = getattr(self, name), self.schedule if name == "warmup" else self.kind
            _require(value == 0 or not without, f"optimizer.{name}", value, f"0 with {chosen}, which has none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """How pictures are varied in training, whole batches at a time.

    Attributes:
        shift: largest move up, down, left or right, pixels of 28; the border shows black.
        flip: mirror left-right, each picture in every other epoch (alternating flip, arXiv 2404.00498).
        cutout: side of a square that is blanked, pixels (arXiv 1708.04552); 0 for none.
        cutmix: share of the batches in which each picture gets a rectangle of another one, and of its label
            (arXiv 1905.04899).
        mixup: in the other batches each picture and its label are blended with another one by a share from
            Beta(mixup, mixup), the larger part its own (arXiv 1710.09412); 0 for none.
        mix_off_epochs: the last epochs, which neither blank nor mix: a network ends on pictures as it will meet them.
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0
    cutmix: float = 0.0
    mixup: float = 0.0
    mix_off_epochs: int = 0

    def __post_init__(self) -> None:
        _require(0 <= self.shift <= 14, "augment.shift", self.shift, "0 to 14 pixels")
        _require(0 <= self.cutout <= 28, "augment.cutout", self.cutout, "0 to 28 pixels")
        _require(0 <= self.cutmix <= 1, "augment.cutmix", self.cutmix, "0 to 1")
        _require(0 <= self.mixup <= MAX_MIXUP_ALPHA, "augment.mixup", self.mixup, f"0 to {MAX_MIXUP_ALPHA}")
        _require(self.mix_off_epochs >= 0, "augment.mix_off_epochs", self.mix_off_epochs, "0 or more")
        without = not (self.cutout or self.cutmix or self.mixup)
        _require(
            not (self.mix_off_epochs and without),
            "augment.mix_off_epochs",
            self.mix_off_epochs,
            "0 without cutout, cutmix or mixup",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HardExampleMining:
    """Which pictures sit an epoch out: the easy ones, by the loss that each had when it was last seen as itself.

    Most garments are told with certainty after two epochs, and a step on them moves nothing. Losses that are an epoch
    old cost nothing to know (InfoBatch, arXiv 2303.04947, prunes by them, too).

    Attributes:
        start_epoch: the first epoch that leaves any out, 2 or later: by then each has a loss.
        fraction: of all pictures, what an epoch trains on; 1 leaves none out.
        random_fraction: share of an epoch's pictures that is drawn by lot from all but the hardest, so that none is forgotten.
    """

    start_epoch: int = 2
    fraction: float = 1.0
    random_fraction: float = 0.0

    def __post_init__(self) -> None:
        _require(self.start_epoch >= 2, "hard_example_mining.start_epoch", self.start_epoch, "2 or more")
        _require(0 < self.fraction <= 1, "hard_example_mining.fraction", self.fraction, "a share above 0, up to 1")
        _require(0 <= self.random_fraction <= 1, "hard_example_mining.random_fraction", self.random_fraction, "0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distill:
    """Teachers: CNNs that are trained beforehand, and whose mean answer is what a student learns (arXiv 1503.02531).

    Attributes:
        teachers: how many to a generation, each from a seed of its own; 0 for none: the labels are learnt.
        preset: the CNN recipe that trains each of them, one that has no teachers itself.
        generations: the first learns the labels, each later one what all before it say (born-again networks, arXiv
            1805.04770).
    """

    teachers: int = 0
    preset: str = "large"
    generations: int = 1

    def __post_init__(self) -> None:
        _require(self.teachers >= 0, "distill.teachers", self.teachers, "0 or more")
        _require(self.generations >= 1, "distill.generations", self.generations, "1 or more")
        idle = self.generations > 1 and not self.teachers
        _require(not idle, "distill.generations", self.generations, "1 without distill.teachers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to train one model.

    Attributes:
        model: ``dnn`` or ``cnn``.
        preset: the preset that it is; ``NAME-changed`` where a file changed some of its fields.
        network: the network's dimensions.
        optimizer: how weights move.
        augment: how pictures are varied.
        hard_example_mining: which pictures sit an epoch out.
        distill: whose answers are learnt in place of the labels.
        epochs: passes over the training images, or over what the focus leaves of them.
        batch_size: images a step.
        validation: share of the training images that is kept out, stratified, to choose by; 0 where a twin lends its
            temperature and nothing is left to choose.
        select: ``best`` keeps the epoch with the best validation accuracy (the study's way), ``last`` the last.
        label_smoothing: share of the target spread over all classes, 0 to 1.
        precision: ``float32``, or ``auto``: bfloat16 arithmetic with float32 weights where the processor has it.
    """

    model: ModelName
    preset: str
    network: Network
    optimizer: Optimizer = field(default_factory=Optimizer)
    augment: Augment = field(default_factory=Augment)
    hard_example_mining: HardExampleMining = field(default_factory=HardExampleMining)
    distill: Distill = field(default_factory=Distill)
    epochs: int
    batch_size: int
    validation: float = TUNING_VALIDATION_FRACTION
    select: Literal["best", "last"] = "last"
    label_smoothing: float = 0.0
    precision: Literal["float32", "auto"] = "auto"

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "1 or more")
        _require(self.batch_size >= 2, "batch_size", self.batch_size, "2 or more")
        _require(0 <= self.validation < 1, "validation", self.validation, "a share from 0, below 1")
        told_by = self.validation or self.select == "last"
        _require(
            bool(told_by), "validation", self.validation, 'above 0 with select = "best", to tell the best epoch by'
        )
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "0 or more, below 1")
        kind, kinds = self.network.kind, NETWORK_KINDS[self.model]
        _require(kind in kinds, "network.kind", kind, f"{' or '.join(kinds)} for a {self.model}")
        told = self.hard_example_mining.fraction == 1 or not (self.augment.mixup or self.augment.cutmix == 1)
        _require(
            told,
            "hard_example_mining.fraction",
            self.hard_example_mining.fraction,
            "1 where every picture is mixed: none shows how hard it is",
        )

    def to_json(self) -> dict[str, Any]:
        """Field to value, nested as in a recipe file."""
        return asdict(self)


def _are_positive(widths: tuple[int, ...]) -> bool:
    return all(width >= 1 for width in widths)


def _require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise UsageError(f"the recipe's {name} is {value!r}; it must be {expected}.")
