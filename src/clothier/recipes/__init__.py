"""Training recipes: every number that decides a result, frozen, with its reason.

A recipe is chosen by preset or read from a TOML file that starts from a preset and
changes some fields. What ran is what ``config.json`` holds.

    classic   the original study's winners, number for number
    fast      clearly better in less time; the choice is made on validation (docs/log.md)
    sprint    as good as the study in seconds
    solo      the most accurate network that learns from the labels alone
    best      the most accurate network, and the one that ships: it learns from two ``large`` CNNs; hours
"""

from clothier.recipes.loader import from_file, from_json, to_toml, with_changes
from clothier.recipes.presets import PRESETS, preset
from clothier.recipes.schema import (
    MODELS,
    Augment,
    Distill,
    HardExampleMining,
    Network,
    Optimizer,
    PcaMlp,
    Recipe,
    StudyCnn,
    WhitenedCnn,
)

__all__ = [
    "MODELS",
    "PRESETS",
    "Augment",
    "Distill",
    "HardExampleMining",
    "Network",
    "Optimizer",
    "PcaMlp",
    "Recipe",
    "StudyCnn",
    "WhitenedCnn",
    "from_file",
    "from_json",
    "preset",
    "to_toml",
    "with_changes",
]
