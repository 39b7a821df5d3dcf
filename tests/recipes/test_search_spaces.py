"""The search spaces: every point is a valid recipe."""

from __future__ import annotations

import json

import pytest

from clothier.errors import UnknownNameError
from clothier.recipes import preset
from clothier.recipes.search_spaces import SEARCH_SPACES, Range, SearchSpace, search_space


def test_grid_of_the_reference_study() -> None:
    grid = search_space("dnn", "study")
    assert grid.grid
    assert [tuple(point.values()) for point in grid.grid_points[:3]] == [
        ("64", "adam", "32"),
        ("64", "adam", "64"),
        ("64", "rmsprop", "32"),
    ]
    points = [grid.recipe(point) for point in grid.grid_points]
    assert len(points) == len(set(points)) == 8
    assert points[0] == preset("dnn", "classic")  # the winner
    assert points[-1].network.hidden == (64, 32)  # type: ignore[union-attr]
    assert (points[-1].optimizer.kind, points[-1].optimizer.learning_rate) == ("rmsprop", 1e-2)
    assert {point.epochs for point in points} == {30}


@pytest.mark.parametrize("searched", [one for one in SEARCH_SPACES if not one.grid], ids=lambda one: one.base.model)
def test_both_ends_of_every_range_and_the_base_are_recipes(searched: SearchSpace) -> None:
    ranges = {name: one for name, one in searched.dimensions.items() if isinstance(one, Range)}
    assert len(ranges) == len(searched.dimensions)
    for end in ("low", "high"):
        assert searched.recipe({name: getattr(one, end) for name, one in ranges.items()}).preset == "fast-changed"
    for name, value in searched.base_values.items():
        assert ranges[name].low <= value <= ranges[name].high, name  # type: ignore[operator]
    assert searched.recipe(searched.base_values) == searched.base


def test_only_the_space_of_the_study_is_a_grid() -> None:
    assert [one.name for one in SEARCH_SPACES if one.grid] == ["study"]


def test_json() -> None:
    for one in SEARCH_SPACES:
        assert json.loads(json.dumps(one.to_json()))["dimensions"].keys() == one.dimensions.keys()
    assert search_space("cnn", "fast").to_json()["dimensions"]["cutout"] == {
        "field": "augment.cutout", "low": 0, "high": 12, "log": False
    }  # fmt: skip


def test_overrides_apply_to_all_points() -> None:
    grid = search_space("dnn", "study")
    recipe = grid.recipe(grid.grid_points[0], epochs=2)
    assert (recipe.epochs, recipe.preset) == (2, "classic-changed")


def test_unknown_model() -> None:
    with pytest.raises(UnknownNameError, match="'cnm' is not a model to tune; did you mean 'cnn'"):
        search_space("cnm", "fast")


def test_unknown_space() -> None:
    with pytest.raises(UnknownNameError, match="'study' is not a search space of a cnn; known: fast"):
        search_space("cnn", "study")
