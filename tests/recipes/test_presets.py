"""The recipes that ship. ``classic`` is the original study's, number for number."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from clothier.errors import UnknownNameError
from clothier.recipes import MODELS, PRESETS, Augment, Optimizer, PcaMlp, StudyCnn, preset
from clothier.recipes.presets import ALL_RECIPES
from clothier.recipes.schema import TUNING_VALIDATION_FRACTION


def test_classic_dnn_is_the_studys() -> None:
    recipe = preset("dnn", "classic")
    assert recipe.network == PcaMlp(components=0.95, hidden=(64,))  # 187 components -> 64 -> 10
    assert recipe.network == PcaMlp(
        components=0.95, whitening=0.0, hidden=(64,), batch_norm=False, activation="relu", dropout=0.0
    )
    assert recipe.optimizer == Optimizer(kind="adam", learning_rate=1e-3, schedule="constant")
    assert (recipe.epochs, recipe.batch_size, recipe.select) == (30, 32, "best")


def test_classic_cnn_is_the_studys() -> None:
    recipe = preset("cnn", "classic")
    assert recipe.network == StudyCnn()
    assert recipe.optimizer == Optimizer(kind="adam", learning_rate=1e-3, schedule="constant")
    assert (recipe.epochs, recipe.batch_size, recipe.select) == (10, 128, "best")


@pytest.mark.parametrize("model", MODELS)
def test_classic_adds_nothing_to_the_study(model: str) -> None:
    recipe = preset(model, "classic")
    assert recipe.augment == Augment(shift=0, flip=False, cutout=0)
    assert (recipe.label_smoothing, recipe.precision) == (0.0, "float32")
    assert round(recipe.validation * 60_000) == 12_000


@pytest.mark.parametrize("name", ["fast", "sprint", "large", "best"])
@pytest.mark.parametrize("model", MODELS)
def test_ours_are_chosen_on_five_thousand_and_keep_the_last_epoch(model: str, name: str) -> None:
    recipe = preset(model, name)
    assert round(recipe.validation * 60_000) == 5_000
    assert recipe.validation == TUNING_VALIDATION_FRACTION
    assert recipe.select == "last"


def test_every_model_has_every_preset_once() -> None:
    assert PRESETS == ("classic", "fast", "sprint", "large", "best")
    assert sorted((recipe.model, recipe.preset) for recipe in ALL_RECIPES) == sorted(
        (model, name) for model in MODELS for name in PRESETS
    )
    for recipe in ALL_RECIPES:
        assert preset(recipe.model, recipe.preset) is recipe


@pytest.mark.parametrize("model", MODELS)
def test_the_best_learn_from_networks_that_learn_from_labels(model: str) -> None:
    best = preset(model, "best")
    assert best.distill.teachers >= 2
    assert preset("cnn", best.distill.preset).distill.teachers == 0
    assert preset("cnn", best.distill.preset).validation == best.validation
    assert preset(model, "large").distill.teachers == 0


@pytest.mark.parametrize(
    ("model", "name", "sentence"),
    [
        ("cnm", "fast", "'cnm' is not a model to train; did you mean 'cnn'?"),
        ("forest", "fast", "'forest' is not a model to train; known: dnn, cnn."),
        ("cnn", "clasic", "'clasic' is not a preset; did you mean 'classic'?"),
        ("cnn", "quick", "'quick' is not a preset; known: classic, fast, sprint, solo, best."),
    ],
)
def test_unknown(model: str, name: str, sentence: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        preset(model, name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("recipe", ALL_RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.preset}")
def test_frozen_to_the_last_part(recipe: Any) -> None:
    for part in (recipe, recipe.network, recipe.optimizer, recipe.augment, recipe.focus):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, dataclasses.fields(part)[0].name, "other")
    assert hash(recipe) == hash(dataclasses.replace(recipe))
