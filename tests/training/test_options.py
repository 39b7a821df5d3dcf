from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.recipes import MODELS, PRESETS, preset
from clothier.training.options import TrainOptions, options_from_config, require_same_options, to_config

OPTIONS = TrainOptions(recipe=preset("dnn", "fast"), data=Path("/data/mine"), any_idx=True, seed=7, time_limit=90.0)


def write_config(folder: Path, **changes: Any) -> Path:
    """A ``config.json`` of ``OPTIONS``; a change to ``...`` removes the field."""
    content = {**to_config(OPTIONS), **changes}
    path = folder / "config.json"
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
    return path


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("model", MODELS)
def test_options_survive_the_round_trip(tmp_path: Path, model: str, name: str) -> None:
    options = TrainOptions(recipe=preset(model, name))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**to_config(options), "data_digest": "abc", "own_network": None}))
    assert options_from_config(path) == options
    assert options_from_config(write_config(tmp_path)) == OPTIONS


def test_the_folder_is_not_part_of_the_configuration(tmp_path: Path) -> None:
    assert to_config(replace(OPTIONS, out=tmp_path)) == to_config(OPTIONS)


def test_a_relative_data_folder_is_saved_as_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert to_config(replace(OPTIONS, data=Path("mine")))["data"] == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"recipe": ...}, "lacks recipe"),
        ({"recipe": [1]}, r"'s recipe is \[1\]"),
        ({"data": 5}, "'s data is 5"),
        ({"any_idx": "yes"}, "'s any_idx is 'yes'"),
        ({"seed": "7"}, "'s seed is '7'"),
        ({"time_limit": ...}, "lacks time_limit"),
        ({"teachers_from": 5}, "'s teachers_from is 5"),
        ({"refit": 5}, "'s refit is 5"),
    ],
)
def test_a_damaged_configuration_is_refused(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    path = write_config(tmp_path, **changes)
    with pytest.raises(ModelError, match=rf"^{path} ?{what}"):
        options_from_config(path)


def test_a_newer_configuration_is_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path, format=2)
    with pytest.raises(ModelError, match=rf"^{path} has format 2; this Clothier reads 1"):
        options_from_config(path)


def test_a_recipe_with_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    recipe = {**OPTIONS.recipe.to_json(), "epoch": 3}
    with pytest.raises(UnknownNameError, match=r"^'epoch' is not a .*; did you mean 'epochs'\?$"):
        options_from_config(write_config(tmp_path, recipe=recipe))


def test_a_configuration_with_a_custom_network_is_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path, own_network="MyNet")
    with pytest.raises(UsageError, match=rf"^{path} is of your own network MyNet"):
        options_from_config(path)


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        (replace(OPTIONS, seed=8), "its seed is 7, and 8 is"),
        (
            replace(OPTIONS, recipe=replace(OPTIONS.recipe, epochs=99)),
            f"its recipe.epochs is {OPTIONS.recipe.epochs}, and 99 is",
        ),
        (replace(OPTIONS, data=None), "its data is '/data/mine', and None is"),
        (replace(OPTIONS, recipe=preset("cnn", "fast")), "its recipe.model is 'dnn', and 'cnn' is"),
    ],
)
def test_the_first_difference_is_named(expected: TrainOptions, difference: str) -> None:
    with pytest.raises(UsageError, match=f"^runs/mine .* other options: {difference}"):
        require_same_options(OPTIONS, expected, Path("runs/mine"))
    require_same_options(OPTIONS, replace(OPTIONS, out=Path("elsewhere")), Path("runs/mine"))


def test_a_relative_run_of_teachers_is_saved_as_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = replace(OPTIONS, teachers_from=Path("runs/cnn-best"))
    assert to_config(options)["teachers_from"] == str(tmp_path / "runs" / "cnn-best")
    assert options_from_config(write_config(tmp_path, teachers_from=str(tmp_path))).teachers_from == tmp_path
