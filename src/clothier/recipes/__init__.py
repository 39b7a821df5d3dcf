"""Training recipes: all hyperparameters of a training as frozen dataclasses.

A recipe is a preset, or a TOML file that starts from a preset and changes some fields. ``config.json`` of a run holds
the recipe that ran.

    classic   the two models of the reference study, unchanged
    fast      clearly better in less time; how it was chosen is in docs/log.md
    sprint    as accurate as the study in seconds
    large     the most accurate without distillation
    best      distilled from two ``large`` CNNs; 1-2 hours on two cores; the bundled models
"""

from clothier.recipes.loader import from_file, from_values, to_toml, with_changes
from clothier.recipes.photo import BACKBONES, TRAINABLE, PhotoAugment, PhotoRecipe
from clothier.recipes.presets import DEFAULT_PRESETS, PRESETS, AnyRecipe, preset
from clothier.recipes.schema import (
    MODELS,
    Augment,
    Distill,
    HardExampleMining,
    ModelName,
    Network,
    Optimizer,
    PcaMlp,
    Recipe,
    ResidualCnn,
    StudyCnn,
    WhitenedCnn,
)

__all__ = [
    "BACKBONES",
    "DEFAULT_PRESETS",
    "MODELS",
    "PRESETS",
    "TRAINABLE",
    "AnyRecipe",
    "Augment",
    "Distill",
    "HardExampleMining",
    "ModelName",
    "Network",
    "Optimizer",
    "PcaMlp",
    "PhotoAugment",
    "PhotoRecipe",
    "Recipe",
    "ResidualCnn",
    "StudyCnn",
    "WhitenedCnn",
    "from_file",
    "from_values",
    "preset",
    "to_toml",
    "with_changes",
]
