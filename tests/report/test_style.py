"""The palette can be read: contrast as WCAG 2.1 defines it, on paper and on a dark screen."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from clothier.report.figures.classification import MAX_CELL_OPACITY
from clothier.report.style import CATEGORY_COLORS, DARK, LIGHT, shorten, wrap_title


def luminance(colour: np.ndarray | str) -> float:
    channels = np.array(to_rgb(colour) if isinstance(colour, str) else colour)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(first: np.ndarray | str, second: np.ndarray | str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "first", "second"])
@pytest.mark.parametrize("ground", ["paper", "card"])
def test_every_text_colour_keeps_aa(palette: dict[str, str], text: str, ground: str) -> None:
    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("fill", ["first", "second"])
def test_counts_can_be_read_on_the_strongest_cell(palette: dict[str, str], fill: str) -> None:
    cell = MAX_CELL_OPACITY * np.array(to_rgb(palette[fill])) + (1 - MAX_CELL_OPACITY) * np.array(
        to_rgb(palette["paper"])
    )
    assert contrast(palette["ink"], cell) >= 4.5


@pytest.mark.parametrize("ground", [LIGHT["paper"], DARK["paper"]])
@pytest.mark.parametrize("colour", CATEGORY_COLORS)
def test_class_colours_stand_out_from_both_grounds(colour: str, ground: str) -> None:
    assert contrast(colour, ground) >= 2.4


def test_both_palettes_have_the_same_roles_in_colours_of_their_own() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len({*LIGHT.values(), *CATEGORY_COLORS}) == len(LIGHT) + len(CATEGORY_COLORS)


@pytest.mark.parametrize(
    ("name", "short"),
    [("Shirt", "Shirt"), ("Sixteen letters!", "Sixteen letters!"), ("Off-shoulder blouse", "Off-shoulder bl…")],
)
def test_long_names_are_cut_and_show_it(name: str, short: str) -> None:
    assert shorten(name) == short


def test_titles_wrap_at_words() -> None:
    assert wrap_title("one two three four five six seven", 2.0).split("\n") == ["one two three four", "five six seven"]
    assert wrap_title("a title of one line and a", 2.0).split("\n") == ["a title of one", "line and a"]
    assert wrap_title("Unbreakablename" * 3, 2.0) == "Unbreakablename" * 3
