"""The fields of a recipe of the ``photo`` model. The experiments behind the defaults are in docs/log.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from clothier.recipes.schema import MODELS, require

TRAINABLE: tuple[str, ...] = (*MODELS, "photo")
N_BLOCKS = 16  # of the backbone, EfficientNet-Lite0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoAugment:
    """Random changes of each photo in each epoch.

    Attributes:
        min_area: smallest fraction of the image that a random crop keeps, 0 to 1.
        aspect: largest change of the aspect ratio, natural logarithm.
        brightness: largest relative change of brightness and of contrast.
        color_gain: largest relative change of each color channel.
    """

    min_area: float = 0.6
    aspect: float = 0.12
    brightness: float = 0.25
    color_gain: float = 0.08

    def __post_init__(self) -> None:
        require(0 < self.min_area <= 1, "augment.min_area", self.min_area, "above 0, up to 1")
        require(0 <= self.aspect <= 1, "augment.aspect", self.aspect, "0 to 1")
        require(0 <= self.brightness < 1, "augment.brightness", self.brightness, "0 or more, below 1")
        require(0 <= self.color_gain < 1, "augment.color_gain", self.color_gain, "0 or more, below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecipe:
    """One way to train a photo model.

    Attributes:
        model: ``photo``.
        preset: the preset that it is; ``NAME-changed`` where a file changed some of its fields.
        epochs: passes over the photos; 0 keeps the backbone's ImageNet weights and fits only a logistic regression.
        patience: training stops after this many epochs without a lower loss on the held-out groups.
        frozen_blocks: first blocks of the backbone that are not trained; computed once for all folds.
        batch_size: photos a step.
        learning_rate: peak rate of the backbone's later blocks.
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
    epochs: int
    patience: int = 2
    frozen_blocks: int = 11
    batch_size: int = 32
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    dropout: float = 0.2
    ema_decay: float = 0.99
    folds: int = 5
    probe_c: float = 0.01
    augment: PhotoAugment = field(default_factory=PhotoAugment)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("patience", 1), ("batch_size", 2), ("folds", 2)):
            require(getattr(self, name) >= least, name, getattr(self, name), f"{least} or more")
        require(0 <= self.frozen_blocks <= N_BLOCKS, "frozen_blocks", self.frozen_blocks, f"0 to {N_BLOCKS}")
        for name in ("learning_rate", "head_learning_rate", "probe_c"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        for name in ("warmup", "label_smoothing", "dropout", "ema_decay"):
            require(0 <= getattr(self, name) < 1, name, getattr(self, name), "0 or more, below 1")

    def to_json(self) -> dict[str, Any]:
        """Field to value, as ``config.json`` holds it."""
        return asdict(self)
