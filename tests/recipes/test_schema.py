"""The range of every field, at its ends and beyond them, and the sentence when it is left."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from clothier.errors import UsageError
from clothier.recipes import (
    Augment,
    Distill,
    HardExampleMining,
    Optimizer,
    PcaMlp,
    Recipe,
    StudyCnn,
    WhitenedCnn,
    preset,
)

MUON = {"kind": "muon", "head_learning_rate": 0.1, "bias_learning_rate": 0.1}
WARMUP = {"schedule": "linear"}
TENTH = 0.1

# class, the values that the field needs beside it, field, what can be taken, what cannot, what it must be
RANGES: list[tuple[type[Any], dict[str, Any], str, list[Any], list[Any], str]] = [
    (PcaMlp, {}, "components", [1, 784], [0, -3], "a count from 1, or a share above 0 and below 1"),
    (PcaMlp, {}, "components", [0.01, 0.999], [0.0, 1.0, 1.5], "a count from 1, or a share above 0 and below 1"),
    (PcaMlp, {}, "whitening", [0.0, 0.5, 1.0], [-0.1, 1.1], "0 to 1"),
    (PcaMlp, {}, "hidden", [(), (1,), (64, 32)], [(0,), (64, -1)], "widths of 1 or more"),
    (PcaMlp, {}, "dropout", [0.0, 0.99], [-0.1, 1.0], "0 or more, below 1"),
    (WhitenedCnn, {}, "patch", [1, 14], [0, 15], "1 to 14 pixels"),
    (WhitenedCnn, {"depths": (1, 2, 1)}, "widths", [(1, 8, 1)], [(), (8, 0, 8), (8, -8)], "widths of 1 or more"),
    (WhitenedCnn, {}, "depths", [(1, 2, 3)], [(), (1, 0, 1), (2, 2)], "1 or more for each of the 3 widths"),
    (Optimizer, {}, "learning_rate", [1e-9, 2.0], [0.0, -1e-3], "above 0"),
    (Optimizer, {"kind": "adamw"}, "weight_decay", [0.0, TENTH], [-TENTH], "0 or more"),
    (Optimizer, {}, "weight_decay", [0.0], [TENTH], "0 with adam, which has none"),
    (Optimizer, {"kind": "rmsprop"}, "weight_decay", [0.0], [TENTH], "0 with rmsprop, which has none"),
    (Optimizer, {"kind": "rmsprop"}, "momentum", [0.0], [TENTH], "0 with rmsprop, which has none"),
    (Optimizer, MUON, "momentum", [0.0, 0.99], [-TENTH, 1.0], "0 or more, below 1"),
    (Optimizer, {"kind": "adamw"}, "momentum", [0.0], [TENTH], "0 with adamw, which has none"),
    (Optimizer, MUON, "head_learning_rate", [TENTH], [0.0, -TENTH], "above 0 with muon"),
    (Optimizer, MUON, "bias_learning_rate", [TENTH], [0.0, -TENTH], "above 0 with muon"),
    (Optimizer, {}, "head_learning_rate", [0.0], [TENTH, -TENTH], "0 with adam, which has none"),
    (Optimizer, {}, "bias_learning_rate", [0.0], [TENTH, -TENTH], "0 with adam, which has none"),
    (Optimizer, WARMUP, "warmup", [0.0, 0.99], [-TENTH, 1.0], "0 or more, below 1"),
    (Optimizer, {}, "warmup", [0.0], [TENTH], "0 with constant, which has none"),
    (Augment, {}, "shift", [0, 14], [-1, 15], "0 to 14 pixels"),
    (Augment, {}, "cutout", [0, 28], [-1, 29], "0 to 28 pixels"),
    (Augment, {}, "cutmix", [0.0, 1.0], [-TENTH, 1.01], "0 to 1"),
    (Augment, {}, "mixup", [0.0, 100.0], [-TENTH, 101.0], "0 to 100.0"),
    (Augment, {"cutmix": 0.5}, "plain", [0, 9], [-1], "0 or more"),
    (Augment, {"mixup": 0.5}, "plain", [0, 9], [-1], "0 or more"),
    (Augment, {}, "plain", [0], [1], "0 without cutout, cutmix or mixup"),
    (Distill, {}, "teachers", [0, 5], [-1], "0 or more"),
    (Distill, {"teachers": 2}, "generations", [1, 3], [0, -1], "1 or more"),
    (Distill, {}, "generations", [1], [2], "1 without distill.teachers"),
    (HardExampleMining, {}, "start", [2, 9], [1, 0], "2 or more"),
    (HardExampleMining, {}, "share", [0.01, 1.0], [0.0, 1.01], "a share above 0, up to 1"),
    (HardExampleMining, {}, "drawn", [0.0, 1.0], [-TENTH, 1.01], "0 to 1"),
    (Recipe, {}, "epochs", [1, 500], [0, -1], "1 or more"),
    (Recipe, {}, "batch_size", [2, 60_000], [1, 0], "2 or more"),
    (Recipe, {}, "validation", [0.01, 0.99], [1.0, -TENTH], "a share from 0, below 1"),
    (Recipe, {}, "validation", [0.01], [0.0], 'above 0 with keep = "best", to tell the best epoch by'),
    (Recipe, {}, "label_smoothing", [0.0, 0.99], [-TENTH, 1.0], "0 or more, below 1"),
]
PREFIX = {
    PcaMlp: "network.",
    WhitenedCnn: "network.",
    Optimizer: "optimizer.",
    Augment: "augment.",
    HardExampleMining: "focus.",
    Distill: "distill.",
    Recipe: "",
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
    "network",
    "optimizer",
    "augment",
    "focus",
    "distill",
}


def make(cls: type[Any], required: dict[str, Any], name: str, value: Any) -> Any:
    if cls is Recipe:
        return replace(preset("cnn", "classic"), **{name: value})
    return cls(**{**required, name: value})


@pytest.mark.parametrize(("cls", "beside", "name", "taken", "refused", "wanted"), RANGES)
def test_range(
    cls: type[Any], beside: dict[str, Any], name: str, taken: list[Any], refused: list[Any], wanted: str
) -> None:
    for value in taken:
        assert getattr(make(cls, beside, name, value), name) == value
    for value in refused:
        with pytest.raises(UsageError) as caught:
            make(cls, beside, name, value)
        assert str(caught.value) == f"the recipe's {PREFIX[cls]}{name} is {value!r}; it must be {wanted}."


@pytest.mark.parametrize("cls", list(PREFIX))
def test_every_number_has_a_range(cls: type[Any]) -> None:
    ranged = {name for one, _, name, *_ in RANGES if one is cls}
    assert {one.name for one in fields(cls)} - NO_RANGE - {"keep", "precision"} == ranged


@pytest.mark.parametrize("augment", [Augment(mixup=0.3), Augment(cutmix=1.0), Augment(cutmix=0.5, mixup=0.1)])
def test_hard_example_mining_needs_unmixed_images(augment: Augment) -> None:
    recipe = preset("cnn", "fast")
    assert replace(recipe, augment=Augment(cutmix=0.5)).hard_example_mining.fraction == 0.3
    with pytest.raises(UsageError) as caught:
        replace(recipe, augment=augment)
    wanted = "1 where every picture is mixed: none shows how hard it is"
    assert str(caught.value) == f"the recipe's focus.share is 0.3; it must be {wanted}."


@pytest.mark.parametrize(
    ("model", "network", "sentence"),
    [
        ("dnn", StudyCnn(), "the recipe's network.kind is 'study-cnn'; it must be pca-mlp for a dnn."),
        (
            "cnn",
            PcaMlp(),
            "the recipe's network.kind is 'pca-mlp'; it must be study-cnn or whitened-cnn for a cnn.",
        ),
    ],
)
def test_no_network_under_anothers_name(model: str, network: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(preset(model, "fast"), network=network)
    assert str(caught.value) == sentence
    replace(preset("cnn", "fast"), network=StudyCnn())
