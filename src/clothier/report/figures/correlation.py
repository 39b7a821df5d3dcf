"""How dimensions depend on each other, before and after a principal component analysis, as two heat maps.

Legend: H, W, P = H * W pixels, k components.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clothier.exploration.correlation import mean_abs_correlation
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

MAX_DIMENSIONS = 100  # dimensions on a side of a heat map; many more would be finer than what they are printed with


def correlation_heatmaps(
    pixel_correlations: FloatArray, component_correlations: FloatArray, shape: tuple[int, int]
) -> CaptionedFigure:
    """Pearson's r of every pair of pixels beside that of every pair of components.

    Args:
        pixel_correlations: (P, P), of the pixels row by row; NaN where one never changes.
        component_correlations: (k, k), of the projections on the components.
        shape: H, W of the images.
    """
    step = math.ceil(math.sqrt(len(pixel_correlations) / MAX_DIMENSIONS))
    grid = np.arange(len(pixel_correlations)).reshape(shape)[::step, ::step].ravel()
    before, after = mean_abs_correlation(pixel_correlations), mean_abs_correlation(component_correlations)
    tiles = [
        Tile(
            np.nan_to_num(pixel_correlations[np.ix_(grid, grid)]),
            f"{len(pixel_correlations):,} pixels\nmean |r| {_format_r(before)}",
            signed=True,
        ),
        Tile(
            component_correlations[:MAX_DIMENSIONS, :MAX_DIMENSIONS],
            f"{len(component_correlations):,} components\nmean |r| {_format_r(after)}",
            signed=True,
        ),
    ]
    title = f"Two pixels correlate by {_format_r(before)} on average, two components by {_format_r(after)}"
    note = (
        "Pearson's r of every pair: blue where both rise together, clay where one falls, nothing where neither tells "
        "of the other. The mean is of |r| over all pairs, the diagonal left out."
    )
    if step > 1:
        note += f" Drawn are {len(grid)} pixels, of each {step}x{step} the first, row by row"
        note += f", and the first {MAX_DIMENSIONS} components." if len(component_correlations) > MAX_DIMENSIONS else "."
    alt = f"Two square maps: stripes and blocks of two colours before, a bare diagonal after. {title}."
    return CaptionedFigure(gallery(tiles, 2), title, alt, note)


def _format_r(r: float) -> str:
    return "less than 0.001" if r < 0.001 else f"{r:.2f}" if r >= 0.1 else f"{r:.3f}"
