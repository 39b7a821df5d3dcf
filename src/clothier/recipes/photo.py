"""The fields of a recipe of the ``photo`` model. The experiments behind the defaults are in docs/log.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, get_args

from clothier.recipes.bounds import (
    MANY,
    BatchSize,
    Bounds,
    Fraction,
    PartialFraction,
    PositiveFraction,
    Rate,
    WeightDecay,
    check_bounds,
    check_name,
)
from clothier.recipes.schema import MODELS

TRAINABLE: tuple[str, ...] = (*MODELS, "photo")
BackboneName = Literal["lite0", "lite2"]  # of EfficientNet-Lite
BACKBONES: tuple[BackboneName, ...] = get_args(BackboneName)
DEFAULT_BACKBONE: BackboneName = "lite0"
N_STAGES = 7  # of each backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoAugment:
    """Random changes of each photo in each epoch.

    Attributes:
        min_area: smallest fraction of the image that a random crop keeps, 0 to 1.
        aspect: largest change of the aspect ratio, natural logarithm.
        brightness: largest relative change of brightness and of contrast.
        color_gain: largest relative change of each color channel.
    """

    min_area: PositiveFraction = 0.6
    aspect: Fraction = 0.12
    brightness: PartialFraction = 0.25
    color_gain: PartialFraction = 0.08

    def __post_init__(self) -> None:
        check_bounds(self, "augment.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecipe:
    """One way to train a photo model.

    Attributes:
        model: ``photo``.
        preset: the preset that it is; ``NAME-changed`` where a file changed some of its fields.
        epochs: passes over the photos; 0 keeps the initial weights and fits only a logistic regression.
        patience: training stops after this many epochs without a lower loss on the held-out groups.
        backbone: the size of EfficientNet-Lite: ``lite0`` for photos of 224x224 pixels, ``lite2`` for 260x260.
        frozen_stages: first stages of the backbone that are not trained; computed once for all folds.
        batch_size: photos a step.
        learning_rate: peak rate of the backbone's later stages.
        head_learning_rate: peak rate of the head.
        weight_decay: decoupled, of matrices and filter banks.
        warmup: fraction of all steps.
        label_smoothing: fraction of the target that is spread over all classes.
        dropout: fraction of the embedding.
        ema_decay: decay a step of the exponential moving average of the weights, which is the result.
        folds: of the cross-validation by groups.
        probe_c: inverse regularization C of the logistic regression that initializes the head.
        augment: random changes of the photos.
    """

    model: Literal["photo"] = "photo"
    preset: str
    epochs: Annotated[int, Bounds(0, MANY)]
    patience: Annotated[int, Bounds(1, MANY)] = 2
    backbone: BackboneName = DEFAULT_BACKBONE
    frozen_stages: Annotated[int, Bounds(0, N_STAGES)] = 5
    batch_size: BatchSize = 32
    learning_rate: Rate = 3e-4
    head_learning_rate: Rate = 1e-3
    weight_decay: WeightDecay = 0.02
    warmup: PartialFraction = 0.1
    label_smoothing: PartialFraction = 0.1
    dropout: PartialFraction = 0.2
    ema_decay: PartialFraction = 0.99
    folds: Annotated[int, Bounds(2, 100)] = 5
    probe_c: Rate = 0.01
    augment: PhotoAugment = field(default_factory=PhotoAugment)

    def __post_init__(self) -> None:
        check_name(self.preset)
        check_bounds(self)

    def to_json(self) -> dict[str, Any]:
        """Field to value, as ``config.json`` holds it."""
        return asdict(self)
