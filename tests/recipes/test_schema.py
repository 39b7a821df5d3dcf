"""The range of every field: values at its ends, values outside, and the message."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from clothier.errors import UsageError
from clothier.recipes import (
    Augment,
    Distill,
    HardExampleMining,
    Optimizer,
    PcaMlp,
    PhotoAugment,
    PhotoRecipe,
    Recipe,
    ResidualCnn,
    StudyCnn,
    WhitenedCnn,
    preset,
)

MUON = {"kind": "muon", "head_learning_rate": 0.1, "bias_learning_rate": 0.1}
PHOTO = {"preset": "fast", "epochs": 0}
WARMUP = {"schedule": "linear"}
TENTH = 0.1
COMPONENTS = "a count from 1 to 65,536, or a fraction above 0 and below 1"

# class, other fields that it needs, field, valid values, invalid values, what the message says it must be
RANGES: list[tuple[type[Any], dict[str, Any], str, list[Any], list[Any], str]] = [
    (PcaMlp, {}, "components", [1, 784], [0, -3, 10**9], COMPONENTS),
    (PcaMlp, {}, "components", [0.01, 0.999], [0.0, 1.0, 1.5], COMPONENTS),
    (PcaMlp, {}, "whitening", [0.0, 0.5, 1.0], [-0.1, 1.1], "0 to 1"),
    (PcaMlp, {}, "hidden", [(), (1,), (64, 32)], [(0,), (64, -1), (10**9,)], "numbers from 1 to 65,536"),
    (PcaMlp, {}, "dropout", [0.0, 0.99], [-0.1, 1.0], "0 to below 1"),
    (WhitenedCnn, {}, "patch", [1, 14], [0, 15], "1 to 14 pixels"),
    (
        WhitenedCnn,
        {"depths": (1, 2, 1)},
        "widths",
        [(1, 8, 1)],
        [(8, 0, 8), (8, -8), (8, 10**9, 8)],
        "numbers from 1 to 65,536",
    ),
    (WhitenedCnn, {}, "depths", [(1, 2, 3)], [(1, 0, 1), (1, 33, 1)], "numbers from 1 to 32"),
    (WhitenedCnn, {}, "depths", [(1, 2, 3)], [(), (2, 2)], "one for each of the 3 widths"),
    (WhitenedCnn, {"depths": (1,) * 33}, "widths", [], [(), (1,) * 33], "1 to 32 widths"),
    (ResidualCnn, {}, "widths", [(1,), (8,) * 32], [(8, 0), (10**9,)], "numbers from 1 to 65,536"),
    (ResidualCnn, {}, "widths", [], [(), (1,) * 33], "1 to 32 widths"),
    (ResidualCnn, {}, "blocks", [1, 32], [0, 33], "1 to 32"),
    (PcaMlp, {}, "hidden", [(1,) * 32], [(1,) * 33], "32 layers or fewer"),
    (Optimizer, {}, "learning_rate", [1e-9, 2.0], [0.0, -1e-3, 1e300], "above 0, up to 1,000,000"),
    (Optimizer, {"kind": "adamw"}, "weight_decay", [0.0, TENTH], [-TENTH, 1e7], "0 to 1,000,000"),
    (Optimizer, {}, "weight_decay", [0.0], [TENTH], "0 with adam, which does not use it"),
    (Optimizer, {"kind": "rmsprop"}, "weight_decay", [0.0], [TENTH], "0 with rmsprop, which does not use it"),
    (Optimizer, {"kind": "rmsprop"}, "momentum", [0.0], [TENTH], "0 with rmsprop, which does not use it"),
    (Optimizer, MUON, "momentum", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (Optimizer, {"kind": "adamw"}, "momentum", [0.0], [TENTH], "0 with adamw, which does not use it"),
    (Optimizer, {"kind": "sgd"}, "momentum", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (Optimizer, {"kind": "sgd"}, "weight_decay", [0.0, TENTH], [-TENTH, 1e7], "0 to 1,000,000"),
    (Optimizer, {"kind": "sgd"}, "head_learning_rate", [0.0], [TENTH], "0 with sgd, which does not use it"),
    (Optimizer, MUON, "head_learning_rate", [TENTH], [0.0, -TENTH], "above 0, up to 1,000,000 with muon"),
    (Optimizer, MUON, "bias_learning_rate", [TENTH], [0.0, -TENTH], "above 0, up to 1,000,000 with muon"),
    (Optimizer, {}, "head_learning_rate", [0.0], [TENTH, -TENTH], "0 with adam, which does not use it"),
    (Optimizer, {}, "bias_learning_rate", [0.0], [TENTH, -TENTH], "0 with adam, which does not use it"),
    (Optimizer, WARMUP, "warmup", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (Optimizer, {}, "warmup", [0.0], [TENTH], "0 with constant, which does not use it"),
    (Augment, {}, "shift", [0, 14], [-1, 15], "0 to 14 pixels"),
    (Augment, {}, "cutout", [0, 28], [-1, 29], "0 to 28 pixels"),
    (Augment, {}, "erasing", [0.0, 1.0], [-TENTH, 1.01], "0 to 1"),
    (Augment, {}, "cutmix", [0.0, 1.0], [-TENTH, 1.01], "0 to 1"),
    (Augment, {}, "mixup", [0.0, 100.0], [-TENTH, 101.0], "0 to 100"),
    (Augment, {"cutmix": 0.5}, "mix_off_epochs", [0, 9], [-1, 10**7], "0 to 1,000,000"),
    (Augment, {"erasing": 0.5}, "mix_off_epochs", [0, 9], [-1], "0 to 1,000,000"),
    (Augment, {"mixup": 0.5}, "mix_off_epochs", [0, 9], [-1], "0 to 1,000,000"),
    (Augment, {}, "mix_off_epochs", [0], [1], "0 without cutout, erasing, cutmix or mixup"),
    (Distill, {}, "teachers", [0, 5], [-1, 10**9], "0 to 64"),
    (Distill, {"teachers": 2}, "generations", [1, 3], [0, -1, 17], "1 to 16"),
    (Distill, {}, "generations", [1], [2], "1 without distill.teachers"),
    (HardExampleMining, {}, "start_epoch", [2, 9], [1, 0, 10**30], "2 to 1,000,000"),
    (HardExampleMining, {}, "fraction", [0.01, 1.0], [0.0, 1.01], "above 0, up to 1"),
    (HardExampleMining, {}, "random_fraction", [0.0, 1.0], [-TENTH, 1.01], "0 to 1"),
    (Recipe, {}, "epochs", [1, 500], [0, -1, 10**30], "1 to 1,000,000"),
    (Recipe, {}, "batch_size", [2, 60_000], [1, 0, 10**30], "2 to 1,000,000"),
    (Recipe, {}, "validation", [0.01, 0.99], [1.0, -TENTH], "0 to below 1"),
    (Recipe, {}, "validation", [0.01], [0.0], 'above 0 with select = "best"'),
    (Recipe, {}, "label_smoothing", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoAugment, {}, "min_area", [0.01, 1.0], [0.0, 1.1], "above 0, up to 1"),
    (PhotoAugment, {}, "aspect", [0.0, 1.0], [-TENTH, 1.1], "0 to 1"),
    (PhotoAugment, {}, "brightness", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoAugment, {}, "color_gain", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoRecipe, PHOTO, "epochs", [0, 5], [-1, 10**30], "0 to 1,000,000"),
    (PhotoRecipe, PHOTO, "patience", [1, 9], [0, 10**30], "1 to 1,000,000"),
    (PhotoRecipe, PHOTO, "frozen_stages", [0, 7], [-1, 8], "0 to 7"),
    (PhotoRecipe, PHOTO, "batch_size", [2, 99], [1, 10**9], "2 to 1,000,000"),
    (PhotoRecipe, PHOTO, "folds", [2, 10], [1, 101], "2 to 100"),
    (PhotoRecipe, PHOTO, "learning_rate", [1e-9], [0.0, 1e300], "above 0, up to 1,000,000"),
    (PhotoRecipe, PHOTO, "head_learning_rate", [1e-9], [0.0, 1e300], "above 0, up to 1,000,000"),
    (PhotoRecipe, PHOTO, "probe_c", [1e-9], [0.0, 1e300], "above 0, up to 1,000,000"),
    (PhotoRecipe, PHOTO, "weight_decay", [0.0, 1.0], [-TENTH, 1e7], "0 to 1,000,000"),
    (PhotoRecipe, PHOTO, "warmup", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoRecipe, PHOTO, "label_smoothing", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoRecipe, PHOTO, "dropout", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
    (PhotoRecipe, PHOTO, "ema_decay", [0.0, 0.99], [-TENTH, 1.0], "0 to below 1"),
]
PREFIX = {
    PcaMlp: "network.",
    WhitenedCnn: "network.",
    ResidualCnn: "network.",
    Optimizer: "optimizer.",
    Augment: "augment.",
    HardExampleMining: "hard_example_mining.",
    Distill: "distill.",
    Recipe: "",
    PhotoAugment: "augment.",
    PhotoRecipe: "",
}
NO_RANGE = {
    "kind",
    "batch_norm",
    "activation",
    "schedule",
    "flip",
    "pooled_stem",
    "model",
    "preset",
    "backbone",
    "network",
    "optimizer",
    "augment",
    "hard_example_mining",
    "distill",
}


def make(cls: type[Any], required: dict[str, Any], name: str, value: Any) -> Any:
    if cls is Recipe:
        return replace(preset("cnn", "classic"), **{name: value})
    return cls(**{**required, name: value})


@pytest.mark.parametrize(("cls", "others", "name", "valid", "invalid", "expected"), RANGES)
def test_range(
    cls: type[Any], others: dict[str, Any], name: str, valid: list[Any], invalid: list[Any], expected: str
) -> None:
    for value in valid:
        assert getattr(make(cls, others, name, value), name) == value
    for value in invalid:
        with pytest.raises(UsageError) as caught:
            make(cls, others, name, value)
        assert str(caught.value) == f"the recipe's {PREFIX[cls]}{name} is {value!r}; it must be {expected}."


@pytest.mark.parametrize("cls", list(PREFIX))
def test_every_number_has_a_range(cls: type[Any]) -> None:
    ranged = {name for one, _, name, *_ in RANGES if one is cls}
    assert {one.name for one in fields(cls)} - NO_RANGE - {"select", "precision"} == ranged


@pytest.mark.parametrize("augment", [Augment(mixup=0.3), Augment(cutmix=1.0), Augment(cutmix=0.5, mixup=0.1)])
def test_hard_example_mining_needs_unmixed_images(augment: Augment) -> None:
    recipe = preset("cnn", "fast")
    assert replace(recipe, augment=Augment(cutmix=0.5)).hard_example_mining.fraction == 0.3
    with pytest.raises(UsageError) as caught:
        replace(recipe, augment=augment)
    assert "hard_example_mining.fraction is 0.3; it must be 1 " in str(caught.value)


@pytest.mark.parametrize(
    ("model", "network", "sentence"),
    [
        ("dnn", StudyCnn(), "the recipe's network.kind is 'study-cnn'; it must be pca-mlp for a dnn."),
        (
            "cnn",
            PcaMlp(),
            "the recipe's network.kind is 'pca-mlp'; it must be study-cnn or whitened-cnn or residual-cnn for a cnn.",
        ),
    ],
)
def test_a_network_of_another_model(model: str, network: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(preset(model, "fast"), network=network)
    assert str(caught.value) == sentence
    replace(preset("cnn", "fast"), network=StudyCnn())


@pytest.mark.parametrize("value", ["3", None, True, float("nan"), np.int64(3), [3]])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^the recipe's epochs is .*; it must be 1 to 1,000,000\.$"):
        replace(preset("cnn", "fast"), epochs=value)
