"""Every image is at its position in its sprite sheet."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from clothier.report.map_data import SHEET_COLUMNS, SPRITES_PER_SHEET, sprite_sheets, thumbnails
from tests.synthetic import draw_garments


def cell(sheet: Image.Image, index: int, height: int, width: int) -> np.ndarray:
    row, column = divmod(index, SHEET_COLUMNS)
    return np.asarray(sheet.convert("L"))[row * height : (row + 1) * height, column * width : (column + 1) * width]


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def test_images_survive_compression() -> None:
    images = draw_garments(200, 1).images
    (file,) = sprite_sheets(images)
    for index in (0, 63, 64, 199):
        error = cell(opened(file), index, 28, 28).astype(float) - images[index]
        assert np.sqrt((error**2).mean()) < 20  # gray levels of 255; two different images differ by 60 or more


def test_the_last_sheet_is_shorter() -> None:
    images = np.full((SPRITES_PER_SHEET + SHEET_COLUMNS + 1, 3, 5), 200, np.uint8)
    first, last = map(opened, sprite_sheets(images))
    assert first.size == (5 * SHEET_COLUMNS, 3 * SPRITES_PER_SHEET // SHEET_COLUMNS)
    assert last.size == (5 * SHEET_COLUMNS, 3 * 2)
    assert cell(last, SHEET_COLUMNS, 3, 5).mean() > 150
    assert cell(last, SHEET_COLUMNS + 8, 3, 5).mean() < 50  # empty after the last image


@pytest.mark.parametrize(
    ("shape", "small"),
    [((28, 28), (28, 28)), ((8, 5), (8, 5)), ((56, 56), (28, 28)), ((100, 40), (28, 11)), ((900, 2), (28, 1))],
)
def test_only_large_images_are_reduced(shape: tuple[int, int], small: tuple[int, int]) -> None:
    images = np.full((3, *shape), 77, np.uint8)
    reduced = thumbnails(images)
    assert reduced.shape == (3, *small)
    assert (reduced == 77).all()
