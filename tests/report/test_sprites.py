"""Pictures come back from their sheets, each at its place."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from clothier.data.synthetic import draw_garments
from clothier.report.sprites import SHEET_COLUMNS, SPRITES_PER_SHEET, sprite_sheets, thumbnails


def cell(sheet: Image.Image, place: int, height: int, width: int) -> np.ndarray:
    row, column = divmod(place, SHEET_COLUMNS)
    return np.asarray(sheet.convert("L"))[row * height : (row + 1) * height, column * width : (column + 1) * width]


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def test_garments_come_back_nearly_as_they_were() -> None:
    images = draw_garments(200, 1).images
    (file,) = sprite_sheets(images)
    for place in (0, 63, 64, 199):
        error = cell(opened(file), place, 28, 28).astype(float) - images[place]
        assert np.sqrt((error**2).mean()) < 20  # grey values of 255; a garment in another's place is off by 60 and more


def test_a_sheet_holds_so_many_and_the_last_is_as_short_as_it_may_be() -> None:
    images = np.full((SPRITES_PER_SHEET + SHEET_COLUMNS + 1, 3, 5), 200, np.uint8)
    first, last = map(opened, sprite_sheets(images))
    assert first.size == (5 * SHEET_COLUMNS, 3 * SPRITES_PER_SHEET // SHEET_COLUMNS)
    assert last.size == (5 * SHEET_COLUMNS, 3 * 2)
    assert cell(last, SHEET_COLUMNS, 3, 5).mean() > 150
    assert cell(last, SHEET_COLUMNS + 8, 3, 5).mean() < 50  # beyond the last picture is nothing


@pytest.mark.parametrize(
    ("shape", "small"),
    [((28, 28), (28, 28)), ((8, 5), (8, 5)), ((56, 56), (28, 28)), ((100, 40), (28, 11)), ((900, 2), (28, 1))],
)
def test_only_large_pictures_are_reduced(shape: tuple[int, int], small: tuple[int, int]) -> None:
    images = np.full((3, *shape), 77, np.uint8)
    reduced = thumbnails(images)
    assert reduced.shape == (3, *small)
    assert (reduced == 77).all()
