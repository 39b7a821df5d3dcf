"""Figures of a principal component analysis: explained variance, components, correlations, reconstructions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import LogLocator, NullFormatter

from clothier.exploration.correlation import mean_abs_correlation
from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import MUTED, PRIMARY, SECONDARY, STYLE, TEXT, new_plot, percent_axis, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pca import PCA
    from clothier.types import Float64Array

VARIANCE_TARGETS = (0.90, 0.95)
"""Fractions of the variance that the reference study asks for."""

COARSE_RANKS = (5, 20)
"""Numbers of components shown before those that explain 90 and 95 % of the variance."""

MAX_EXAMPLES = 10  # images that are reconstructed
MAX_DIMENSIONS = 100  # rows of a heat map; more would be finer than the resolution of a printed figure


@rc_context(STYLE)
def variance_curve(pca: PCA, targets: Sequence[float] = VARIANCE_TARGETS) -> CaptionedFigure:
    """The cumulative fraction of variance by number of components, with a mark at each of ``targets``."""
    figure, axes = new_plot(3.3, grid="both")
    explained = np.concatenate([[0.0], pca.cumulative_ratio])
    axes.plot(np.arange(len(explained)), explained, color=PRIMARY)
    texts = []
    for row, target in enumerate(targets):
        count = pca.n_components_for(target)
        texts.append(f"{count} explain {format_percent(target, 0)}")
        axes.plot([count], [explained[count]], "o", color=SECONDARY, markersize=6, clip_on=False)
        axes.annotate(
            texts[-1],
            (count, explained[count]),
            (0.42, 0.62 + 0.14 * row),
            textcoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": MUTED, "shrinkB": 5, "relpos": (0, 0.5)},
        )
    axes.set(xlabel="components", ylabel="explained variance", xlim=(0, len(explained) - 1), ylim=(0, 1.02))
    percent_axis(axes.yaxis, 0)
    texts[0] = f"Of {pca.components.shape[1]} components, {texts[0]} of the variance"
    return CaptionedFigure(figure, ", ".join(texts), "A curve that rises steeply and then flattens")


@rc_context(STYLE)
def scree_plot(pca: PCA) -> CaptionedFigure:
    """The fraction of variance of each component, both axes logarithmic."""
    ratios = (pca.explained_variance / pca.total_variance)[: pca.rank]
    figure, axes = new_plot(3.0, grid="both")
    axes.loglog(np.arange(1, len(ratios) + 1), ratios, color=PRIMARY)
    marked = [10**power for power in range(len(str(len(ratios))))]
    axes.plot(marked, ratios[np.array(marked) - 1], "o", color=SECONDARY, markersize=6, clip_on=False)
    axes.set(xlabel="component", ylabel="explained variance", xlim=(1, max(len(ratios), 2)))
    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(lambda rank, _: f"{rank:,.0f}")
    axes.yaxis.set_major_formatter(lambda ratio, _: _format_power_of_ten(ratio))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    others = [f", component {rank} {_format_two_digits(ratios[rank - 1])}" for rank in marked[1:]]
    title = f"Component 1 explains {_format_two_digits(ratios[0])} of the variance{''.join(others)}"
    note = (
        f"The participation ratio is {1 / float((ratios**2).sum()):.1f}: as uneven as that many components of equal "
        "variance. Both axes are logarithmic."
    )
    return CaptionedFigure(figure, title, "A falling curve", note)


@rc_context(STYLE)
def reconstruction_error(pca: PCA, n: int, ranks: Sequence[int]) -> CaptionedFigure:
    """Error of a pixel by number of components over the ``n`` images of the PCA, with marks at ``ranks``."""
    errors = WHITE * pca.reconstruction_errors(n)
    figure, axes = new_plot(3.0, grid="both")
    axes.plot(np.arange(len(errors)), errors, color=PRIMARY)
    axes.plot(ranks, errors[list(ranks)], "o", color=SECONDARY, markersize=6, clip_on=False)
    for rank in ranks:
        axes.annotate(f"{rank}", (rank, errors[rank]), (5, 5), textcoords="offset points", fontsize=10, color=TEXT)
    axes.set(xlabel="components", ylabel="error of a pixel, gray levels", xlim=(0, len(errors) - 1), ylim=(0, None))
    title = f"With {ranks[-1]} components, the error of a pixel is {errors[ranks[-1]]:.0f} of {WHITE} gray levels"
    marked = ", ".join(f"{errors[rank]:.1f} with {rank}" for rank in ranks)
    note = (
        f"Root mean square over the pixels of all {n:,} images that the PCA was fitted to: "
        f"{errors[0]:.1f} with the mean image alone, {marked}."
    )
    return CaptionedFigure(figure, title, "A falling curve", note)


def component_images(pca: PCA, shape: tuple[int, int], count: int = 12) -> CaptionedFigure:
    """The first ``count`` components as images of ``shape`` (H, W)."""
    ratios = (pca.explained_variance / pca.total_variance)[:count]
    tiles = [
        Tile(component.reshape(shape), f"{number}\n{format_percent(ratio)}", signed=True)
        for number, (component, ratio) in enumerate(zip(pca.components, ratios, strict=False), 1)
    ]
    return CaptionedFigure(
        gallery(tiles, 6),
        f"The first {len(tiles)} components explain {format_percent(ratios.sum())} of the variance",
        "Images in two colors. Each image of the data set is the mean image plus a weighted sum of them",
        "Blue pixels increase while orange ones decrease. Below each: its rank and its explained variance.",
    )


def correlation_heatmaps(
    pixel_correlations: Float64Array, component_correlations: Float64Array, shape: tuple[int, int]
) -> CaptionedFigure:
    """Pearson's r of every pair of pixels next to that of every pair of components.

    Args:
        pixel_correlations: (P, P), of the pixels row by row; NaN where a pixel is constant.
        component_correlations: (k, k), of the projections on the components.
        shape: H, W of the images.
    """
    n, k = len(pixel_correlations), len(component_correlations)
    step = math.ceil(math.sqrt(n / MAX_DIMENSIONS))
    grid = np.arange(n).reshape(shape)[::step, ::step].ravel()
    before, after = (_format_r(mean_abs_correlation(one)) for one in (pixel_correlations, component_correlations))
    shown = np.nan_to_num(pixel_correlations[np.ix_(grid, grid)])
    tiles = [
        Tile(shown, f"{n:,} pixels\nmean |r| {before}", signed=True),
        Tile(
            component_correlations[:MAX_DIMENSIONS, :MAX_DIMENSIONS],
            f"{k:,} components\nmean |r| {after}",
            signed=True,
        ),
    ]
    note = (
        "Pearson's r of every pair: blue for positive, orange for negative, blank for zero. The mean of |r| is over "
        "all pairs, without the diagonal."
    )
    if step > 1:
        note += f" Shown are {len(grid)} pixels, the first of each {step}x{step} block, row by row"
        note += f", and the first {MAX_DIMENSIONS} components." if k > MAX_DIMENSIONS else "."
    title = f"Mean |r| is {before} between two pixels and {after} between two components"
    content = "Two heat maps: stripes and blocks for the pixels, only a diagonal for the components"
    return CaptionedFigure(gallery(tiles, 2), title, content, note)


def reconstruction_ranks(pca: PCA) -> list[int]:
    """Numbers of components for reconstructions: a few, and those that explain 90 and 95 % of the variance."""
    needed = sorted({pca.n_components_for(target) for target in VARIANCE_TARGETS})
    return [rank for rank in COARSE_RANKS if rank < needed[0]] + needed


def reconstructions(labeled: LabeledImages, classes: Sequence[str], pca: PCA, ranks: Sequence[int]) -> CaptionedFigure:
    """One image per class, ten at most, next to its reconstructions from the first ``ranks`` components."""
    firsts = [int(np.flatnonzero(labeled.labels == label)[0]) for label in np.unique(labeled.labels)[:MAX_EXAMPLES]]
    shape = labeled.images.shape[1:]
    tiles: list[Tile | None] = []
    for number, (index, features) in enumerate(zip(firsts, pca.transform(labeled.images[firsts]), strict=True)):
        tiles.append(Tile(labeled.images[index], shorten(classes[labeled.labels[index]], 14)))
        tiles += [Tile(pca.inverse_transform(features[np.newaxis, :rank]).reshape(shape), "") for rank in ranks]
        tiles += [] if number % 2 else [None]
    errors, explained = WHITE * pca.reconstruction_errors(len(labeled)), pca.cumulative_ratio
    headings = ["original"]
    headings += [f"{rank}\n{format_percent(explained[rank - 1], 0)}\n{errors[rank]:.0f}" for rank in ranks]
    return CaptionedFigure(
        gallery(tiles, 2 * len(headings) + 1, [*headings, "", *headings]),
        f"{ranks[-1]} of {pca.components.shape[1]} numbers are enough to recognize an image",
        f"One image per class, and sharper and sharper reconstructions: {', '.join(map(str, ranks))} components",
        "Above each column: number of components, their explained variance, and the root mean square error of a pixel, "
        f"of {WHITE} gray levels, over all {len(labeled):,} images.",
    )


def _format_r(r: float) -> str:
    return "less than 0.001" if r < 0.001 else f"{r:.2f}" if r >= 0.1 else f"{r:.3f}"


def _format_power_of_ten(fraction: float) -> str:
    """A power of ten with all its zeros: 10 %, 0.001 %."""
    return format_percent(fraction, max(0, -2 - round(math.log10(fraction))))


def _format_two_digits(fraction: float) -> str:
    """29 %, 1.3 %, 0.024 %."""
    return f"{100 * fraction:.2g}\N{NO-BREAK SPACE}%"
