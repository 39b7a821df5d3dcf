"""Garments of known colors on drawn grounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from benchmarks.colors import measure_colors
from clothier.colors import main_colors
from clothier.colors.color_names import MULTICOLOR, NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images

SIDE = 224
WOOD, SHEET, DARK = (150, 110, 70), (205, 200, 195), (40, 36, 34)
SHIRT = [(30, 50), (80, 30), (144, 30), (194, 50), (204, 100), (166, 106), (166, 204), (58, 204), (58, 106), (20, 100)]


def ground(color: tuple[int, int, int], seed: int = 0) -> Image.Image:
    """With the noise of a camera."""
    noise = np.random.default_rng(seed).normal(0, 5, (SIDE, SIDE, 3))
    return Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8))


def shirt(color: tuple[int, int, int], floor: tuple[int, int, int] = WOOD, light: float = 1.0) -> Image.Image:
    image = ground(floor)
    ImageDraw.Draw(image).polygon(SHIRT, color)
    return Image.fromarray((np.asarray(image) * light).astype(np.uint8))


def names(image: Image.Image | Images) -> list[str]:
    return [one.name for one in main_colors(np.asarray(image))]


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((25, 25, 27), "black"),
        ((240, 240, 238), "white"),
        ((120, 120, 122), "gray"),
        ((190, 25, 35), "red"),
        ((235, 115, 25), "orange"),
        ((240, 205, 50), "yellow"),
        ((40, 130, 60), "green"),
        ((35, 70, 160), "blue"),
        ((110, 50, 150), "purple"),
        ((240, 150, 185), "pink"),
        ((95, 60, 35), "brown"),
        ((222, 205, 175), "beige"),
    ],
)
def test_every_basic_color(color: tuple[int, int, int], name: str) -> None:
    for floor in (SHEET, DARK) if name in {"brown", "beige", "orange"} else (WOOD,):
        found = main_colors(np.asarray(shirt(color, floor)))
        assert [one.name for one in found] == [name]
        assert found[0].share > 0.9
        assert found[0].hex == "#{:02x}{:02x}{:02x}".format(*color)


def test_white_in_dim_light_is_white_and_gray_beside_white_is_gray() -> None:
    assert names(shirt((230, 230, 228), DARK, light=0.7)) == ["white"]
    assert names(shirt((150, 150, 150), (235, 235, 235))) == ["gray"]


def test_two_colors_the_larger_first() -> None:
    image = shirt((25, 25, 30), SHEET)
    ImageDraw.Draw(image).rectangle((58, 140, 166, 204), (190, 25, 35))
    assert names(image) == ["black", "red"]
    shares = [one.share for one in main_colors(np.asarray(image))]
    assert shares[0] > shares[1] > 0.2
    assert sum(shares) == pytest.approx(1, abs=0.1)


def test_many_colors_are_multicolor_with_the_largest_of_them() -> None:
    image = shirt((255, 255, 255), DARK)
    stripes = [(190, 25, 35), (240, 205, 50), (40, 130, 60), (35, 70, 160), (110, 50, 150)]
    pixels = np.asarray(image).copy()
    rows = np.array(stripes, np.uint8)[np.arange(SIDE) // 6 % len(stripes)]
    pixels = np.where((pixels == 255).all(2, keepdims=True), rows[:, None], pixels)
    found = main_colors(pixels)
    assert (found[0].name, found[0].share, len(found)) == (MULTICOLOR, 1.0, 3)
    assert {one.name for one in found[1:]} <= {"red", "yellow", "green", "blue", "purple"}


def test_skin_beside_a_garment_is_left_out() -> None:
    image = shirt((245, 245, 245), (90, 95, 100))
    draw = ImageDraw.Draw(image)
    draw.ellipse((88, 0, 136, 40), (205, 150, 120))
    draw.rectangle((20, 100, 45, 160), (205, 150, 120))
    draw.rectangle((180, 100, 204, 160), (205, 150, 120))
    assert names(image) == ["white"]


@pytest.mark.parametrize("kind", ["blank", "noise", "black"])
def test_no_garment_has_no_color(kind: str) -> None:
    pixels = {
        "blank": np.asarray(ground((180, 180, 180))),
        "noise": np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8),
        "black": np.zeros((SIDE, SIDE, 3), np.uint8),
    }[kind]
    assert main_colors(pixels) == ()


@settings(deadline=None)
@given(st.integers(8, 300), st.integers(8, 300), st.integers(0, 99))
def test_any_image(height: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (3, 3, 3), np.uint8)
    found = main_colors(np.asarray(Image.fromarray(small).resize((width, height))))
    assert len(found) <= 3
    assert {one.name for one in found} <= {*NAMES, MULTICOLOR}
    assert all(0 < one.share <= 1 and len(one.hex) == 7 for one in found)


@pytest.mark.slow
def test_labeled_photos(photos: Path) -> None:
    for row in measure_colors(photos / "images"):
        assert row["acceptable"] >= 0.9
        assert row["main_label"] >= 0.6
