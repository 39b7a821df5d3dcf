"""The presets, with the reasons for their numbers; the experiments are in docs/log.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, overload

from clothier.errors import UnknownNameError
from clothier.recipes.photo import TRAINABLE, PhotoRecipe
from clothier.recipes.schema import (
    STUDY_VALIDATION_FRACTION,
    Augment,
    Distill,
    HardExampleMining,
    Optimizer,
    PcaMlp,
    Recipe,
    StudyCnn,
    WhitenedCnn,
)

if TYPE_CHECKING:
    from clothier.recipes.schema import ModelName

CLASSIC_DNN = Recipe(
    model="dnn",
    preset="classic",
    network=PcaMlp(components=0.95, hidden=(64,)),  # 187 components on 48,000 images; 12,682 parameters
    optimizer=Optimizer(kind="adam", learning_rate=1e-3),  # the best of the grid, over RMSprop
    epochs=30,
    batch_size=32,
    validation=STUDY_VALIDATION_FRACTION,
    select="best",
    precision="float32",
)

CLASSIC_CNN = Recipe(
    model="cnn",
    preset="classic",
    network=StudyCnn(),
    optimizer=Optimizer(kind="adam", learning_rate=1e-3),
    epochs=10,
    batch_size=128,
    validation=STUDY_VALIDATION_FRACTION,
    select="best",
    precision="float32",
)

AIRBENCH_MUON = Optimizer(
    kind="muon",
    learning_rate=0.08,  # 0.06 to 0.12 are equal; 0.24 costs 0.5 percentage points
    head_learning_rate=0.02,
    bias_learning_rate=26.5,  # airbench's 0.053 for the summed loss of 500 images, converted to our mean loss
    momentum=0.6,
    weight_decay=1e-3,
    schedule="linear",
)
"""The optimizer of airbench94_muon."""

MLP_ADAMW = Optimizer(kind="adamw", learning_rate=2e-3, weight_decay=0.02, schedule="linear", warmup=0.1)
"""The optimizer of the DNNs."""

FAST_DNN = Recipe(
    model="dnn",
    preset="fast",
    # 288 components explain 97 % of the variance; whitening with exponent 1/4 was better than 0 and 1/2
    network=PcaMlp(components=288, whitening=0.25, hidden=(1024, 1024), batch_norm=True),
    optimizer=MLP_ADAMW,
    augment=Augment(shift=1, flip=True),  # before the projection; shift 2 costs 0.8 percentage points
    epochs=15,
    batch_size=500,
    label_smoothing=0.1,
)

FAST_CNN = Recipe(
    model="cnn",
    preset="fast",
    # 17.6 million multiply-adds an image. A third of them takes 0.6 of the time and costs 0.15 percentage points
    network=WhitenedCnn(widths=(64, 128, 128), depths=(2, 2, 1)),
    optimizer=AIRBENCH_MUON,
    augment=Augment(shift=1, flip=True),  # shift 2 costs 0.6 percentage points: garments fill the image
    hard_example_mining=HardExampleMining(
        start_epoch=3, fraction=0.3, random_fraction=0.3
    ),  # the cost of 4.4 full epochs; no random fraction was not better
    epochs=10,
    batch_size=250,  # 0.5 percentage points better than 500 with so few steps
    label_smoothing=0.2,
)

SPRINT_DNN = Recipe(
    model="dnn",
    preset="sprint",
    network=PcaMlp(components=288, whitening=0.25, hidden=(512, 512), batch_norm=True),
    optimizer=MLP_ADAMW,
    augment=Augment(shift=1, flip=True),
    epochs=4,
    batch_size=250,
    label_smoothing=0.1,
)

SPRINT_CNN = Recipe(
    model="cnn",
    preset="sprint",
    # 1.6 million multiply-adds an image; a second convolution in the first two groups gains 0.5 percentage points and
    # takes a third more time
    network=WhitenedCnn(widths=(16, 32, 64), depths=(1, 1, 2)),
    optimizer=replace(AIRBENCH_MUON, learning_rate=0.12),
    # no augmentation: one epoch shows no image twice, and flips and shifts cost a percentage point
    epochs=1,
    batch_size=500,  # as accurate as 250
    label_smoothing=0.1,
)

LARGE_DNN = Recipe(
    model="dnn",
    preset="large",
    # width 2048 gains 0.3 percentage points over 1024, but its bundle would have more than 12 MB
    network=PcaMlp(components=480, whitening=0.25, hidden=(1536, 1536), batch_norm=True),
    optimizer=replace(MLP_ADAMW, weight_decay=0.1),  # 0.3 is equal
    # shift 2, CutMix and cutout cost accuracy; mixup 0.3 gained 0.1 percentage points, within the noise
    augment=Augment(shift=1, flip=True, mixup=0.3, mix_off_epochs=6),
    epochs=60,
    batch_size=500,
    label_smoothing=0.1,
)

LARGE_CNN = Recipe(
    model="cnn",
    preset="large",
    # 62 million multiply-adds an image, 40 % of them on feature maps of 25x25: fewer channels on larger maps are better
    # than more on smaller maps; 1.5 times the channels gain 0.3 percentage points
    network=WhitenedCnn(widths=(48, 96, 192), depths=(2, 2, 2), pooled_stem=False),
    optimizer=replace(AIRBENCH_MUON, learning_rate=0.06),
    augment=Augment(shift=1, flip=True, cutmix=0.5, mix_off_epochs=5),  # cutout in addition costs 0.3 percentage points
    hard_example_mining=HardExampleMining(
        start_epoch=5, fraction=0.4, random_fraction=0.3
    ),  # the cost of 26 full epochs
    epochs=59,
    batch_size=250,
    label_smoothing=0.0,  # CutMix regularizes already, and label smoothing makes worse teachers (arXiv 1906.02629)
)

TWO_TEACHERS = Distill(teachers=2, preset="large")  # two cores train them in parallel

BEST_DNN = replace(LARGE_DNN, preset="best", distill=TWO_TEACHERS, label_smoothing=0.0)

BEST_CNN = replace(
    LARGE_CNN,
    preset="best",
    # 296,640 parameters: two thirds of the channels take half the inference time, without loss after distillation
    network=WhitenedCnn(widths=(32, 64, 128), depths=(2, 2, 2), pooled_stem=False),
    augment=replace(LARGE_CNN.augment, mix_off_epochs=7),  # 0 was 0.1 percentage points worse
    distill=TWO_TEACHERS,
    epochs=84,  # the cost of 36 full epochs
)

FAST_PHOTO = PhotoRecipe(preset="fast", epochs=0)
BEST_PHOTO = PhotoRecipe(preset="best", epochs=5)

AnyRecipe = Recipe | PhotoRecipe
ALL_RECIPES: tuple[AnyRecipe, ...] = (
    CLASSIC_DNN,
    CLASSIC_CNN,
    FAST_DNN,
    FAST_CNN,
    SPRINT_DNN,
    SPRINT_CNN,
    LARGE_DNN,
    LARGE_CNN,
    BEST_DNN,
    BEST_CNN,
    FAST_PHOTO,
    BEST_PHOTO,
)
PRESETS = tuple(dict.fromkeys(recipe.preset for recipe in ALL_RECIPES))
DEFAULT_PRESETS = {"dnn": "fast", "cnn": "fast", "photo": "best"}


@overload
def preset(model: ModelName, name: str) -> Recipe: ...
@overload
def preset(model: Literal["photo"], name: str) -> PhotoRecipe: ...
@overload
def preset(model: str, name: str) -> AnyRecipe: ...
def preset(model: str, name: str) -> AnyRecipe:
    """The recipe of that name for ``dnn``, ``cnn`` or ``photo``; an UnknownNameError if there is none."""
    known = {recipe.preset: recipe for recipe in ALL_RECIPES if recipe.model == model}
    if model not in TRAINABLE:
        raise UnknownNameError(model, "model to train", TRAINABLE)
    if name not in known:
        raise UnknownNameError(name, f"preset of {model}", known)
    return known[name]
