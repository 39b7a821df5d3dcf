"""The presets. ``classic`` has the numbers of the reference study."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from clothier.errors import UnknownNameError
from clothier.recipes import DEFAULT_PRESETS, MODELS, PRESETS, Augment, Optimizer, PcaMlp, StudyCnn, preset
from clothier.recipes.presets import ALL_RECIPES
from clothier.recipes.schema import TUNING_VALIDATION_FRACTION


def test_classic_dnn_is_the_reference_studys() -> None:
    recipe = preset("dnn", "classic")
    assert recipe.network == PcaMlp(components=0.95, hidden=(64,))  # 187 components -> 64 -> 10
    assert recipe.network == PcaMlp(
        components=0.95, whitening=0.0, hidden=(64,), batch_norm=False, activation="relu", dropout=0.0
    )
    assert recipe.optimizer == Optimizer(kind="adam", learning_rate=1e-3, schedule="constant")
    assert (recipe.epochs, recipe.batch_size, recipe.select) == (30, 32, "best")


def test_classic_cnn_is_the_reference_studys() -> None:
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
def test_other_presets_validate_on_5000_images_and_keep_the_last_epoch(model: str, name: str) -> None:
    recipe = preset(model, name)
    assert round(recipe.validation * 60_000) == 5_000
    assert recipe.validation == TUNING_VALIDATION_FRACTION
    assert recipe.select == "last"


def test_every_model_has_every_preset_once() -> None:
    assert PRESETS == ("classic", "fast", "sprint", "large", "best")
    trained = [(model, name) for model in MODELS for name in PRESETS]
    assert sorted((recipe.model, recipe.preset) for recipe in ALL_RECIPES) == sorted(
        [*trained, ("photo", "fast"), ("photo", "best")]
    )
    assert all(preset(model, name) in ALL_RECIPES for model, name in DEFAULT_PRESETS.items())
    for recipe in ALL_RECIPES:
        assert preset(recipe.model, recipe.preset) is recipe


@pytest.mark.parametrize("model", MODELS)
def test_best_is_distilled_from_teachers_that_are_not(model: str) -> None:
    best = preset(model, "best")
    assert best.distill.teachers >= 2
    assert preset("cnn", best.distill.preset).distill.teachers == 0
    assert preset("cnn", best.distill.preset).validation == best.validation
    assert preset(model, "large").distill.teachers == 0


@pytest.mark.parametrize(
    ("model", "name", "sentence"),
    [
        ("cnm", "fast", "'cnm'.*did you mean 'cnn'"),
        ("forest", "fast", "'forest'.*known: dnn, cnn, photo"),
        ("cnn", "clasic", "'clasic'.*did you mean 'classic'"),
        ("cnn", "quick", "'quick'.*known: classic, fast, sprint, large, best"),
        ("photo", "sprint", "'sprint'.*known: fast, best"),
    ],
)
def test_unknown_names(model: str, name: str, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        preset(model, name)


@pytest.mark.parametrize("recipe", ALL_RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.preset}")
def test_every_part_is_frozen(recipe: Any) -> None:
    parts = [getattr(recipe, one.name) for one in dataclasses.fields(recipe)]
    for part in (recipe, *filter(dataclasses.is_dataclass, parts)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, dataclasses.fields(part)[0].name, "other")
    assert hash(recipe) == hash(dataclasses.replace(recipe))
