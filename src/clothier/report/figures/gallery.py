"""A grid of small images with captions.

Gray images are drawn in black with the pixel value as opacity: dark on light, as before the data set was inverted
(arXiv 1708.07747, section 2). In dark mode the page inverts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import to_rgb

from clothier.report.captioned_figure import GRAYSCALE, SIGNED
from clothier.report.style import FIGURE_WIDTH, MUTED, PRIMARY, SECONDARY, STYLE, TEXT, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clothier.types import Float64Array

    PixelArray = npt.NDArray[np.uint8] | npt.NDArray[np.floating]

CAPTION_LINE_HEIGHT = 0.19  # inches
TILE_GAP = 0.10  # inches


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One image and its caption.

    Attributes:
        image: (H, W) uint8, or floats of 0 to 1; floats of both signs where ``signed``.
        caption: one or more lines; all but the first are muted.
        signed: blue for positive values, orange for negative ones, blank for zero.
    """

    image: PixelArray
    caption: str
    signed: bool = False


@rc_context(STYLE)
def gallery(tiles: Sequence[Tile | None], columns: int, headings: Sequence[str] = ()) -> Figure:
    """Draws ``tiles`` row by row, ``columns`` in a row, under ``headings`` of the columns; None leaves a gap."""
    side = FIGURE_WIDTH / columns
    lines = max(len(tile.caption.splitlines()) for tile in tiles if tile)
    step = side + lines * CAPTION_LINE_HEIGHT + TILE_GAP
    top = max((CAPTION_LINE_HEIGHT * (1.5 + heading.count("\n")) for heading in headings), default=0.0)
    height = top + -(-len(tiles) // columns) * step
    figure = new_figure(height)
    axes = figure.add_subplot()  # in inches from the top left
    axes.set_axis_off()
    axes.set(xlim=(0, FIGURE_WIDTH), ylim=(height, 0), aspect="equal")
    for column, heading in enumerate(headings):
        axes.text((column + 0.5) * side, 0, heading, ha="center", va="top", fontsize=10, color=MUTED)
    for index, tile in enumerate(tiles):
        if tile:
            _draw_tile(axes, tile, index % columns * side, top + index // columns * step, side)
    return figure


def _draw_tile(axes: Axes, tile: Tile, left: float, top: float, side: float) -> None:
    inset = 0.07 * side
    extent = (left + inset, left + side - inset, top + side - inset, top + inset)
    drawn = axes.imshow(_rgba(tile), extent=extent, interpolation="none", aspect="equal")
    drawn.set_gid(f"{SIGNED if tile.signed else GRAYSCALE}-{left}-{top}")
    size = 10.0
    for line, text in enumerate(tile.caption.split("\n")):
        y, color = top + side + (line + 0.3) * CAPTION_LINE_HEIGHT, MUTED if line else TEXT
        axes.text(left + side / 2, y, text, ha="center", va="center", fontsize=size, color=color)


def _rgba(tile: Tile) -> Float64Array:
    """Color and opacity, (H, W, 4) floats of 0 to 1: black, or blue above zero and orange below."""
    image = tile.image / (255 if tile.image.dtype == np.uint8 else 1)
    pixels = np.zeros((*image.shape, 4))
    pixels[..., 3] = np.clip(image, 0, 1)
    if tile.signed:
        pixels[..., :3] = np.where((image > 0)[..., np.newaxis], to_rgb(PRIMARY), to_rgb(SECONDARY))
        pixels[..., 3] = np.abs(image) / (np.abs(image).max() or 1.0)
    return pixels
