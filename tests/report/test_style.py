"""The palette has enough contrast, as WCAG 2.1 defines it, in light and dark mode."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from clothier.report.figures.classification import MAX_CELL_OPACITY
from clothier.report.style import CATEGORY_COLORS, DARK, LIGHT, shorten, wrap_title


def luminance(color: np.ndarray | str) -> float:
    channels = np.array(to_rgb(color) if isinstance(color, str) else color)
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(first: np.ndarray | str, second: np.ndarray | str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["text", "muted", "primary", "secondary"])
@pytest.mark.parametrize("background", ["background", "surface"])
def test_every_text_color_meets_aa(palette: dict[str, str], text: str, background: str) -> None:
    assert contrast(palette[text], palette[background]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("fill", ["primary", "secondary"])
def test_counts_are_readable_on_the_strongest_cell(palette: dict[str, str], fill: str) -> None:
    cell = MAX_CELL_OPACITY * np.array(to_rgb(palette[fill])) + (1 - MAX_CELL_OPACITY) * np.array(
        to_rgb(palette["background"])
    )
    assert contrast(palette["text"], cell) >= 4.5


@pytest.mark.parametrize("background", [LIGHT["background"], DARK["background"]])
@pytest.mark.parametrize("color", CATEGORY_COLORS)
def test_class_colors_are_visible_in_both_modes(color: str, background: str) -> None:
    assert contrast(color, background) >= 2.4


def test_both_palettes_have_the_same_roles() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len({*LIGHT.values(), *CATEGORY_COLORS}) == len(LIGHT) + len(CATEGORY_COLORS)


@pytest.mark.parametrize(
    ("name", "short"),
    [("Shirt", "Shirt"), ("Sixteen letters!", "Sixteen letters!"), ("Off-shoulder blouse", "Off-shoulder bl…")],
)
def test_long_names_are_shortened(name: str, short: str) -> None:
    assert shorten(name) == short


def test_titles_wrap_at_words() -> None:
    assert wrap_title("one two three four five six seven", 19).split("\n") == ["one two three four", "five six seven"]
    assert wrap_title("a title of one line and a", 19).split("\n") == ["a title of one", "line and a"]
    assert wrap_title("Unbreakablename" * 3, 19) == "Unbreakablename" * 3
