"""How dimensions depend on each other, before and after a principal component analysis, as two heat maps.

Legend: H, W, P = H * W pixels, k components.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clothier.exploration.correlation import mean_off_diagonal
from clothier.report.captioned_figure import Drawing
from clothier.report.figures.gallery import Tile, gallery

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

SHOWN = 100  # dimensions on a side of a heat map; many more would be finer than what they are printed with


def heat_maps(of_pixels: Doubles, of_components: Doubles, shape: tuple[int, int]) -> Drawing:
    """Pearson's r of every pair of pixels beside that of every pair of components.

    Args:
        of_pixels: (P, P), of the pixels row by row; NaN where one never changes.
        of_components: (k, k), of the projections on the components.
        shape: H, W of the images.
    """
    step = math.ceil(math.sqrt(len(of_pixels) / SHOWN))
    grid = np.arange(len(of_pixels)).reshape(shape)[::step, ::step].ravel()
    before, after = mean_off_diagonal(of_pixels), mean_off_diagonal(of_components)
    tiles = [
        Tile(
            np.nan_to_num(of_pixels[np.ix_(grid, grid)]),
            f"{len(of_pixels):,} pixels\nmean |r| {_spoken(before)}",
            signed=True,
        ),
        Tile(
            of_components[:SHOWN, :SHOWN], f"{len(of_components):,} components\nmean |r| {_spoken(after)}", signed=True
        ),
    ]
    title = f"Two pixels correlate by {_spoken(before)} on average, two components by {_spoken(after)}"
    note = (
        "Pearson's r of every pair: blue where both rise together, clay where one falls, nothing where neither tells "
        "of the other. The mean is of |r| over all pairs, the diagonal left out."
    )
    if step > 1:
        note += f" Drawn are {len(grid)} pixels, of each {step}x{step} the first, row by row"
        note += f", and the first {SHOWN} components." if len(of_components) > SHOWN else "."
    alt = f"Two square maps: stripes and blocks of two colours before, a bare diagonal after. {title}."
    return Drawing(gallery(tiles, 2), title, alt, note)


def _spoken(r: float) -> str:
    return "less than 0.001" if r < 0.001 else f"{r:.2f}" if r >= 0.1 else f"{r:.3f}"
