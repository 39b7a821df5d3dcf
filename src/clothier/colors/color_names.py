"""Names of colors: eleven basic color terms (Berlin and Kay 1969) and beige, as ``color_names.png`` lists them.

The table gives a name to each cell of 8x8x8 values of red, green and blue. ``tools/make_color_names.py`` makes it, from
the names that people gave in the color survey of XKCD. Row of the picture: red; column: green, then blue.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array, Images

    Indices = npt.NDArray[np.intp]

NAMES = ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "beige")
MULTICOLOR = "multicolor"
COLOR_NAMES_FILE = Path(__file__).with_name("color_names.png")
BITS = 5  # of each channel that choose a cell
CELLS = 1 << BITS  # along each channel

SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
D65 = SRGB_TO_XYZ.sum(1)  # the white point


def cell_indices(pixels: Images) -> Indices:
    """(...,) the cell of each of (..., 3) uint8 pixels."""
    red, green, blue = np.moveaxis(pixels.astype(np.intp) >> (8 - BITS), -1, 0)
    return np.asarray((red << 2 * BITS) | (green << BITS) | blue)


@cache
def cell_names() -> Indices:
    """(CELLS**3,) for each cell the index of its name in :data:`NAMES`."""
    with Image.open(COLOR_NAMES_FILE) as table:
        return np.asarray(table).ravel().astype(np.intp)


class CellColors(NamedTuple):
    """CIELAB of the cells' centers, (CELLS**3,) each: lightness of 0 to 100, chroma, hue of -180 to 180 degrees."""

    lightness: Float64Array
    chroma: Float64Array
    hue: Float64Array


@cache
def cell_colors() -> CellColors:
    """What the cells look like."""
    levels = (np.arange(CELLS) + 0.5) / CELLS
    lab = srgb_to_lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3))
    lightness, a, b = np.ascontiguousarray(lab.T)
    return CellColors(lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)))


def srgb_to_lab(colors: Float64Array) -> Float64Array:
    """(..., 3) sRGB of 0 to 1 to CIELAB for D65."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    relative = linear @ SRGB_TO_XYZ.T / D65
    x, y, z = np.moveaxis(np.where(relative > 216 / 24389, np.cbrt(relative), relative * 841 / 108 + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
