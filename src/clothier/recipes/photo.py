"""The recipes of the ``photo`` model, each number with its reason; the trials are in docs/log.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from clothier.errors import UnknownNameError

DEFAULT_PHOTO_PRESET = "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoAugment:
    """How a photo is varied before it is looked at, each time anew.

    Attributes:
        min_area: the smallest share of the picture that is kept, 0 to 1.
        aspect: largest change of its proportions, natural logarithm.
        brightness: largest change of brightness and of contrast, as a share.
        color_gain: largest change of each colour against the others, as a share.
    """

    min_area: float = 0.6
    aspect: float = 0.12
    brightness: float = 0.25
    color_gain: float = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecipe:
    """One way to make a photo model.

    Attributes:
        model: ``photo``.
        preset: its name.
        epochs: passes over the photos; 0 leaves the backbone as ImageNet made it, with a head of logistic regression.
        patience: training ends early after so many epochs that lowered no loss on photographers kept out; few photos
            are soon learnt by heart.
        frozen_blocks: blocks of the backbone that stay as they are; what they make of a photo is computed once for all folds.
        batch_size: photos a step.
        learning_rate: peak rate of the backbone's later blocks.
        head_learning_rate: peak rate of the head.
        weight_decay: decoupled, of matrices and filter banks.
        warmup: share of all steps.
        label_smoothing: share of the target spread over all classes.
        dropout: share of the embedding.
        ema_decay: the weights that are kept are a running mean of those along the way, with this decay a step.
        folds: how often part of the photographers is kept out, to learn what the model does on new ones.
        probe_c: C of the logistic regression that the head begins as.
        augment: how photos are varied.
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

    def to_json(self) -> dict[str, Any]:
        """Field to value, as ``config.json`` holds it."""
        return asdict(self)


FAST_PHOTO = PhotoRecipe(preset="fast", epochs=0)
BEST_PHOTO = PhotoRecipe(preset="best", epochs=5)
PHOTO_PRESETS = {recipe.preset: recipe for recipe in (FAST_PHOTO, BEST_PHOTO)}


def photo_preset(name: str) -> PhotoRecipe:
    """The photo recipe of that name.

    Raises:
        UnknownNameError: no such preset; the sentence offers the nearest.
    """
    if name not in PHOTO_PRESETS:
        raise UnknownNameError(name, "preset of the photo model", PHOTO_PRESETS)
    return PHOTO_PRESETS[name]


def photo_from_json(values: dict[str, Any]) -> PhotoRecipe:
    """The recipe that :meth:`PhotoRecipe.to_json` wrote.

    Raises:
        TypeError: a field is unknown or missing.
    """
    return PhotoRecipe(**{**values, "augment": PhotoAugment(**values["augment"])})
