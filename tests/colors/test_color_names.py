from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from clothier.api.schemas import GarmentColor
from clothier.colors.color_names import CELLS, NAMES, cell_colors, cell_indices, cell_names, srgb_to_lab
from tools.make_color_names import make_table


def test_the_table_is_what_the_tool_makes() -> None:
    assert np.array_equal(cell_names()[::61], make_table(step=61))
    assert set(np.unique(cell_names())) == set(range(len(NAMES)))


@pytest.mark.parametrize(
    ("color", "name"),
    [("#000080", "blue"), ("#800000", "red"), ("#ffc0cb", "pink"), ("#f5f5dc", "beige"), ("#d2b48c", "beige")],
)
def test_known_colors(color: str, name: str) -> None:
    pixel = np.array(list(bytes.fromhex(color[1:])), np.uint8)
    assert NAMES[cell_names()[cell_indices(pixel)]] == name


def test_the_example_of_the_api_is_a_color_that_it_gives() -> None:
    example = {name: GarmentColor.model_fields[name].examples[0] for name in ("name", "hex")}
    pixel = np.array(list(bytes.fromhex(example["hex"][1:])), np.uint8)
    assert NAMES[cell_names()[cell_indices(pixel)]] == example["name"]


def test_cells_are_numbered_as_the_table() -> None:
    assert cell_indices(np.array([[0, 0, 0], [255, 255, 255], [8, 0, 16]], np.uint8)).tolist() == [
        0,
        CELLS**3 - 1,
        CELLS * CELLS + 2,
    ]
    lightness = cell_colors().lightness
    assert lightness[0] < lightness[CELLS**3 // 2] < lightness[-1] < 100


def test_lab_is_that_of_scikit_image() -> None:
    pixels = np.random.default_rng(0).random((50, 3))
    assert srgb_to_lab(pixels) == pytest.approx(rgb2lab(pixels), abs=0.05)
