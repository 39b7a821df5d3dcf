"""Heat maps of correlations between pixels and between principal components; P pixels, k components."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clothier.exploration.correlation import mean_abs_correlation
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery

if TYPE_CHECKING:
    from clothier.types import Float64Array

MAX_DIMENSIONS = 100  # rows of a heat map; more would be finer than the resolution of a printed figure


def correlation_heatmaps(
    pixel_correlations: Float64Array, component_correlations: Float64Array, shape: tuple[int, int]
) -> CaptionedFigure:
    """Pearson's r of every pair of pixels next to that of every pair of components.

    Args:
        pixel_correlations: (P, P), of the pixels row by row; NaN where a pixel is constant.
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
    title = f"Mean |r| is {_format_r(before)} between two pixels and {_format_r(after)} between two components"
    note = (
        "Pearson's r of every pair: blue for positive, orange for negative, blank for zero. The mean of |r| is over "
        "all pairs, without the diagonal."
    )
    if step > 1:
        note += f" Shown are {len(grid)} pixels, the first of each {step}x{step} block, row by row"
        note += f", and the first {MAX_DIMENSIONS} components." if len(component_correlations) > MAX_DIMENSIONS else "."
    alt = f"Two heat maps: stripes and blocks for the pixels, only a diagonal for the components. {title}."
    return CaptionedFigure(gallery(tiles, 2), title, alt, note)


def _format_r(r: float) -> str:
    return "less than 0.001" if r < 0.001 else f"{r:.2f}" if r >= 0.1 else f"{r:.3f}"
