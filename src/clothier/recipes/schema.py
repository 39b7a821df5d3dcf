"""The fields of a recipe: every hyperparameter, as frozen dataclasses that check their ranges."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, get_args

from clothier.recipes.bounds import (
    MANY,
    BatchSize,
    Bounds,
    Epochs,
    Fraction,
    PartialFraction,
    PositiveFraction,
    Rate,
    WeightDecay,
    check_bounds,
    check_name,
    require,
)

ModelName = Literal["dnn", "cnn"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)

STUDY_VALIDATION_FRACTION = 0.2  # the study's 80/20 split: 48,000 / 12,000 of Fashion-MNIST
MAX_MIXUP_ALPHA = 100  # at this and above, every mix is close to half and half
MAX_WIDTH, MAX_LAYERS = 65_536, 32  # of any layer, and in a network or a group of it; more would not fit into memory
TUNING_VALIDATION_FRACTION = 1 / 12  # 55,000 / 5,000 of Fashion-MNIST; 5,000 images give +-0.3 percentage points


@dataclass(frozen=True, slots=True, kw_only=True)
class PcaMlp:
    """Fully connected layers on PCA features; the projection is part of the model.

    Attributes:
        components: number of principal components, or the fraction of the variance (0 to 1) to explain.
        whitening: exponent w in z / (variance + ridge)^w. 0: no whitening; 1/2: unit variance; 1/4 amplifies the
            noise of the last components less.
        hidden: widths of the hidden layers.
        batch_norm: BatchNorm after each hidden Linear.
        activation: between layers.
        dropout: fraction of hidden units dropped in training.
    """

    kind: Literal["pca-mlp"] = "pca-mlp"
    components: int | float = 0.95
    whitening: Fraction = 0.0
    hidden: Annotated[tuple[int, ...], Bounds(1, MAX_WIDTH)] = (64,)
    batch_norm: bool = False
    activation: Literal["relu", "gelu"] = "relu"
    dropout: PartialFraction = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "network.")
        is_valid = 1 <= self.components <= MAX_WIDTH if isinstance(self.components, int) else 0 < self.components < 1
        expected = f"a count from 1 to {MAX_WIDTH:,}, or a fraction above 0 and below 1"
        require(is_valid, "network.components", self.components, expected)
        require(len(self.hidden) <= MAX_LAYERS, "network.hidden", self.hidden, f"{MAX_LAYERS} layers or fewer")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCnn:
    """The study's CNN: four 3x3 convolutions (16, 32, 64, 128) and three dense layers, 262,890 parameters."""

    kind: Literal["study-cnn"] = "study-cnn"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhitenedCnn:
    """A frozen whitening stem and groups of convolutions, after airbench (github KellerJordan/cifar10-airbench).

    Attributes:
        patch: side of the stem's patches, pixels. 4x4 gives 16 eigenvectors; with their negatives 32 channels.
        widths: channels of each group; each group halves height and width.
        depths: convolutions of each group. With three or more, residual connections span the later ones, two by two.
        pooled_stem: halve the feature maps after the stem: a quarter of the computation, but less detail.
    """

    kind: Literal["whitened-cnn"] = "whitened-cnn"
    patch: Annotated[int, Bounds(1, 14, " pixels")] = 4
    widths: Annotated[tuple[int, ...], Bounds(1, MAX_WIDTH)] = (64, 128, 256)
    depths: Annotated[tuple[int, ...], Bounds(1, MAX_LAYERS)] = (2, 2, 2)
    pooled_stem: bool = True

    def __post_init__(self) -> None:
        check_bounds(self, "network.")
        groups = len(self.widths)
        require(1 <= groups <= MAX_LAYERS, "network.widths", self.widths, f"1 to {MAX_LAYERS} widths")
        require(len(self.depths) == groups, "network.depths", self.depths, f"one for each of the {groups} widths")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualCnn:
    """Residual blocks with pre-activation (arXiv 1603.05027): with the defaults the ResNet of 20 layers.

    Attributes:
        widths: channels of each group; each group but the first halves height and width.
        blocks: residual blocks of each group, each of two 3x3 convolutions.
    """

    kind: Literal["residual-cnn"] = "residual-cnn"
    widths: Annotated[tuple[int, ...], Bounds(1, MAX_WIDTH)] = (16, 32, 64)
    blocks: Annotated[int, Bounds(1, MAX_LAYERS)] = 3

    def __post_init__(self) -> None:
        check_bounds(self, "network.")
        require(1 <= len(self.widths) <= MAX_LAYERS, "network.widths", self.widths, f"1 to {MAX_LAYERS} widths")


Network = PcaMlp | StudyCnn | WhitenedCnn | ResidualCnn
NETWORK_KINDS = {"dnn": ("pca-mlp",), "cnn": ("study-cnn", "whitened-cnn", "residual-cnn")}
"""Model to the kinds of network that it can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """The optimizer and its learning-rate schedule.

    Attributes:
        kind: ``adam`` or ``rmsprop`` (PyTorch's defaults except for the rate; the study tried both), ``adamw``,
            ``sgd`` (with Nesterov momentum), or ``muon``: orthogonalized momentum for every matrix and filter bank
            (github KellerJordan/Muon), Nesterov SGD for biases, norms and the head.
        learning_rate: peak rate; with muon, of the matrices.
        head_learning_rate: muon only: peak rate of the last layer.
        bias_learning_rate: muon only: peak rate of biases and norms.
        momentum: muon and sgd only.
        weight_decay: decoupled for adamw; for muon's SGD groups relative to their rate.
        schedule: ``constant``, or ``linear``: linear warmup over ``warmup``, then linear decay to 0.
        warmup: fraction of all steps, 0 to 1.
    """

    kind: Literal["adam", "rmsprop", "adamw", "sgd", "muon"] = "adam"
    learning_rate: Rate = 1e-3
    head_learning_rate: float = 0.0
    bias_learning_rate: float = 0.0
    momentum: PartialFraction = 0.0
    weight_decay: WeightDecay = 0.0
    schedule: Literal["constant", "linear"] = "constant"
    warmup: PartialFraction = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "optimizer.")
        for name in ("head_learning_rate", "bias_learning_rate"):
            rate = getattr(self, name)
            require(
                0 < rate <= MANY or self.kind != "muon", f"optimizer.{name}", rate, f"above 0, up to {MANY:,} with muon"
            )
        self._reject_unused()

    def _reject_unused(self) -> None:
        """Rejects a value that the optimizer or the schedule does not use."""
        unused = {
            "head_learning_rate": self.kind != "muon",
            "bias_learning_rate": self.kind != "muon",
            "momentum": self.kind not in ("sgd", "muon"),
            "weight_decay": self.kind in ("adam", "rmsprop"),
            "warmup": self.schedule == "constant",
        }
        for name, is_unused in unused.items():
            value, chosen = getattr(self, name), self.schedule if name == "warmup" else self.kind
            require(value == 0 or not is_unused, f"optimizer.{name}", value, f"0 with {chosen}, which does not use it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """Random changes of the training images, a whole batch at a time.

    Attributes:
        shift: largest translation in each direction, pixels of 28; the border is black.
        flip: horizontal flip of each image in every other epoch (alternating flip, arXiv 2404.00498).
        cutout: side of a black square, pixels (arXiv 1708.04552); 0 for none.
        erasing: fraction of the images in which a rectangle, 2 to 40 % of the area, gets one random gray
            (arXiv 1708.04896).
        cutmix: fraction of the batches in which a rectangle of each image and that part of its label come from
            another image (arXiv 1905.04899).
        mixup: alpha of mixup (arXiv 1710.09412), used in the other batches: each image and label is mixed with another
            with weights from Beta(alpha, alpha), the larger weight its own; 0 for none.
        mix_off_epochs: last epochs without cutout, erasing, cutmix and mixup, so that training ends on whole images.
    """

    shift: Annotated[int, Bounds(0, 14, " pixels")] = 0
    flip: bool = False
    cutout: Annotated[int, Bounds(0, 28, " pixels")] = 0
    erasing: Fraction = 0.0
    cutmix: Fraction = 0.0
    mixup: Annotated[float, Bounds(0, MAX_MIXUP_ALPHA)] = 0.0
    mix_off_epochs: Annotated[int, Bounds(0, MANY)] = 0

    def __post_init__(self) -> None:
        check_bounds(self, "augment.")
        mixes = bool(self.cutout or self.erasing or self.cutmix or self.mixup)
        require(
            mixes or not self.mix_off_epochs,
            "augment.mix_off_epochs",
            self.mix_off_epochs,
            "0 without cutout, erasing, cutmix or mixup",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HardExampleMining:
    """Skips easy images: those with a small loss the last time that they were trained on unmixed.

    Most images are classified with certainty after two epochs and contribute almost no gradient. Losses of an earlier
    epoch are free to use, as in InfoBatch (arXiv 2303.04947).

    Attributes:
        start_epoch: the first epoch that skips images, 2 or later: by then every image has a loss.
        fraction: fraction of all images that an epoch trains on; 1 skips none.
        random_fraction: fraction of an epoch's images drawn at random from all but the hardest, so that none is
            forgotten.
    """

    start_epoch: Annotated[int, Bounds(2, MANY)] = 2
    fraction: PositiveFraction = 1.0
    random_fraction: Fraction = 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "hard_example_mining.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distill:
    """Distillation (arXiv 1503.02531): a student learns the mean prediction of CNNs trained before it.

    Attributes:
        teachers: number of teachers in each generation, each with its own seed; 0: train on the labels.
        preset: the CNN preset that trains each teacher; it has no teachers itself.
        generations: the first learns from labels, each later one from the mean of all before it (born-again networks,
            arXiv 1805.04770).
    """

    teachers: Annotated[int, Bounds(0, 64)] = 0
    preset: str = "large"
    generations: Annotated[int, Bounds(1, 16)] = 1

    def __post_init__(self) -> None:
        check_bounds(self, "distill.")
        is_used = self.teachers > 0 or self.generations == 1
        require(is_used, "distill.generations", self.generations, "1 without distill.teachers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to train one model.

    Attributes:
        model: ``dnn`` or ``cnn``.
        preset: the preset that it is; ``NAME-changed`` where a file changed some of its fields.
        network: kind and size of the network.
        optimizer: optimizer and schedule.
        augment: random changes of the training images.
        hard_example_mining: which images an epoch skips.
        distill: teachers, whose predictions replace the labels.
        epochs: passes over the training images, without those skipped.
        batch_size: images a step.
        validation: stratified fraction of the training images that is held out for validation; 0 in a refit, which
            reuses the temperature of a reference run.
        select: ``best`` keeps the epoch with the best validation accuracy (as the study did), ``last`` the last.
        label_smoothing: fraction of the target spread over all classes, 0 to 1.
        precision: ``float32``, or ``auto``: bfloat16 arithmetic with float32 weights where it is faster.
    """

    model: ModelName
    preset: str
    network: Network
    optimizer: Optimizer = field(default_factory=Optimizer)
    augment: Augment = field(default_factory=Augment)
    hard_example_mining: HardExampleMining = field(default_factory=HardExampleMining)
    distill: Distill = field(default_factory=Distill)
    epochs: Epochs
    batch_size: BatchSize
    validation: PartialFraction = TUNING_VALIDATION_FRACTION
    select: Literal["best", "last"] = "last"
    label_smoothing: PartialFraction = 0.0
    precision: Literal["float32", "auto"] = "auto"

    def __post_init__(self) -> None:
        check_name(self.preset)
        check_bounds(self)
        can_select = self.validation > 0 or self.select == "last"
        require(can_select, "validation", self.validation, 'above 0 with select = "best"')
        kind, kinds = self.network.kind, NETWORK_KINDS[self.model]
        require(kind in kinds, "network.kind", kind, f"{' or '.join(kinds)} for a {self.model}")
        fraction, all_mixed = self.hard_example_mining.fraction, self.augment.mixup or self.augment.cutmix == 1
        expected = "1 where every image is mixed, because mixed images give no loss of a single image"
        require(fraction == 1 or not all_mixed, "hard_example_mining.fraction", fraction, expected)

    def to_json(self) -> dict[str, Any]:
        """Field to value, nested as in a recipe file."""
        return asdict(self)
