"""The main colors of the garment in a photo: segmented from the ground, without skin, and named.

A color is named as a person would name it, so the light counts: a garment that is lighter than everything around it is
white, although a dim photo shows it gray.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.colors.color_names import MULTICOLOR, NAMES, cell_colors, cell_indices, cell_names
from clothier.data.photos.segmentation import segment_small
from clothier.types import GarmentColor

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array, Images

    Indices = npt.NDArray[np.intp]

VERSION = 1  # raise it when the same photo gets other colors: stored colors are then computed again
WORKING_SIZE = 56  # pixels; 48 to 96 name as many garments correctly (docs/log.md)
ITERATIONS = 6  # of the segmentation; 5 to 8 name as many correctly
MAX_OVERLAP = 0.99  # of the colors of garment and ground; above, there is no garment: an empty or a noisy image
MIN_RATIO = 0.7  # a color that is rarer in the foreground than this, relative to the background, is the background's
MIN_AREA_FRACTION = 0.03  # of the image
MAX_COLORS = 3
MIN_SHARE = 0.1  # of a color that is named

BLACK, WHITE, GRAY = (NAMES.index(name) for name in ("black", "white", "gray"))
WHITE_PEAK, WHITE_MEDIAN = 81, 74  # lightness (CIELAB, 0 to 100); grays this light are white
DIM_WHITE_MEDIAN, DIM_WHITE_PEAK = 58, 66  # the same in a photo whose ground is darker ...
DIM_CONTRAST = 5  # ... by this much
MIN_WHITE = 40  # lightness; darker grays of a white garment are not its white
PEAK, GROUND_PEAK = 0.9, 0.95  # quantiles of lightness
MIN_NEUTRAL_SHARE = 0.05  # of black-to-white pixels, for the lightness of the whole to be judged

MULTICOLOR_MAX_SHARE, MULTICOLOR_MIN_COLORS = 0.4, 4  # no color has more, and that many have MIN_SHARE
MULTICOLOR_MIN_SPREAD = 10  # standard deviation in the a-b plane of CIELAB; shades of one color have less

SKIN = ((40, 88), (14, 38), (25, 70))  # lightness, chroma, hue
MAX_SKIN_SHARE = 1 / 3  # a garment with more in the color of skin has that color itself


def main_colors(image: Images) -> tuple[GarmentColor, ...]:
    """Up to three colors of the garment in a photo, the largest first; none where no garment is found.

    If there are four or more colors and none has two fifths, the first is "multicolor" with all of the garment.

    Args:
        image: (H, W, 3) uint8, sRGB, with the garment in the center.
    """
    step = max(1, max(image.shape[:2]) // WORKING_SIZE)
    garment = _garment_mask(Image.fromarray(image).reduce(step))
    if garment is None:
        return ()
    pixels = image[step // 2 :: step, step // 2 :: step]  # not averaged: a pattern keeps its colors
    garment = garment[: pixels.shape[0], : pixels.shape[1]]
    cells = cell_indices(pixels)
    worn = garment & ~_skin(cells, garment)
    if not worn.any():
        return ()
    names = _named(cells[worn], cells[~worn])
    return _summarize(pixels[worn], cells[worn], names)


def _garment_mask(small: Image.Image) -> BoolArray | None:
    found = segment_small(small, ITERATIONS)
    mask: BoolArray = found.foreground > 0.5
    typical = mask & (found.ratio > MIN_RATIO)
    is_garment = found.overlap <= MAX_OVERLAP and typical.mean() >= MIN_AREA_FRACTION
    return typical if is_garment else None


def _skin(cells: Indices, garment: BoolArray) -> BoolArray:
    """Pixels in the color of skin, if they are few enough not to be the garment."""
    skin: BoolArray = _is_skin()[cells]
    is_worn = (skin & garment).sum() < MAX_SKIN_SHARE * garment.sum()
    return skin if is_worn else np.zeros_like(skin)


@cache
def _is_skin() -> BoolArray:
    """For each cell of :mod:`color_names` whether it has a color of skin."""
    limits = zip(cell_colors(), SKIN, strict=True)
    return np.asarray(np.logical_and.reduce([(values > low) & (values < high) for values, (low, high) in limits]))


def _named(cells: Indices, ground: Indices) -> Indices:
    """(N,) index of the name of each of the garment's N pixels; grays of a white garment are white."""
    names = cell_names()[cells].copy()
    lightness = cell_colors().lightness[cells]
    neutral = lightness[(names == GRAY) | (names == WHITE)]
    if len(neutral) > MIN_NEUTRAL_SHARE * len(cells) and _is_white(neutral, cell_colors().lightness[ground]):
        names[(names == GRAY) & (lightness > MIN_WHITE)] = WHITE
    return names


def _is_white(neutral: Float64Array, ground: Float64Array) -> bool:
    """Whether a garment with gray pixels of this lightness is white, before a ground of this lightness."""
    median, peak = np.quantile(neutral, [0.5, PEAK])
    if peak >= WHITE_PEAK or median >= WHITE_MEDIAN:
        return True
    around = float(np.quantile(ground, GROUND_PEAK)) if len(ground) else 100.0
    return bool(median >= DIM_WHITE_MEDIAN and peak >= DIM_WHITE_PEAK and median - around >= DIM_CONTRAST)


def _summarize(pixels: Images, cells: Indices, names: Indices) -> tuple[GarmentColor, ...]:
    shares = np.bincount(names, minlength=len(NAMES)) / len(names)
    largest = [index for index in np.argsort(-shares, kind="stable") if shares[index] >= MIN_SHARE]
    colors = [_color(NAMES[one], pixels[names == one], float(shares[one])) for one in largest]
    if not colors or _is_multicolor(shares, cells):
        colors.insert(0, _color(MULTICOLOR, pixels, 1.0))
    return tuple(colors[:MAX_COLORS])


def _is_multicolor(shares: Float64Array, cells: Indices) -> bool:
    if shares.max() >= MULTICOLOR_MAX_SHARE or (shares >= MIN_SHARE).sum() < MULTICOLOR_MIN_COLORS:
        return False
    plane = cell_colors().chroma[cells] * np.exp(1j * np.radians(cell_colors().hue[cells]))
    return bool(plane.std() >= MULTICOLOR_MIN_SPREAD)


def _color(name: str, pixels: Images, share: float) -> GarmentColor:
    red, green, blue = np.median(pixels, axis=0).astype(int)
    return GarmentColor(name, f"#{red:02x}{green:02x}{blue:02x}", round(share, 3))
