"""Figures of a principal component analysis.

Legend: N images, H, W, P = H * W pixels, K classes, k components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import BACKGROUND, CATEGORY_COLORS, MUTED, PRIMARY, SECONDARY, STYLE, TEXT, new_plot, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pca import PCA
    from clothier.types import Floats, Labels

VARIANCE_TARGETS = (0.90, 0.95)
"""Shares of the variance that the study asks for."""

MAX_LABELED_CLASSES = 20  # classes whose names still find room in a scatter
MAX_EXAMPLES = 10  # garments that are reconstructed
LABEL_WIDTH, LABEL_HEIGHT = 0.2, 0.055  # of the dots' extent: what a name covers in a scatter
MAX_POINTS = 6_000
"""Dots in a scatter: enough to see the shape of a class, few enough to see the next one behind it."""


@rc_context(STYLE)
def variance_curve(pca: PCA, targets: Sequence[float] = VARIANCE_TARGETS) -> CaptionedFigure:
    """The cumulative share of the variance over the number of components, with a mark at each of ``targets``."""
    figure, axes = new_plot(3.3, grid="both")
    kept = np.concatenate([[0.0], pca.cumulative_ratio])
    axes.plot(np.arange(len(kept)), kept, color=PRIMARY)
    needed = [pca.n_components_for(share) for share in targets]
    for place, (share, count) in enumerate(zip(targets, needed, strict=True)):
        axes.plot([count], [kept[count]], "o", color=SECONDARY, markersize=6, clip_on=False)
        below: dict[str, Any] = {"xytext": (0.42, 0.62 + 0.14 * place), "textcoords": "axes fraction", "va": "center"}
        leader = {"arrowstyle": "-", "color": MUTED, "shrinkB": 5, "relpos": (0, 0.5)}
        axes.annotate(f"{count} keep {format_percent(share, 0)}", (count, kept[count]), arrowprops=leader, **below)
    axes.set(xlabel="components", ylabel="share of the variance", xlim=(0, len(kept) - 1), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(lambda share, _: format_percent(share, 0))
    total = pca.components.shape[1]
    parts = [f"{count} of {total} components" if not place else f"{count}" for place, count in enumerate(needed)]
    words = ", ".join(f"{part} keep {format_percent(share, 0)}" for part, share in zip(parts, targets, strict=True))
    title = f"Of the variance in the pixels, {words}"
    return CaptionedFigure(figure, title, f"A curve that rises steeply and then flattens. {title}.")


def component_images(pca: PCA, shape: tuple[int, int], count: int = 12) -> CaptionedFigure:
    """The first ``count`` components as pictures of ``shape`` (H, W)."""
    shares = pca.explained_variance / pca.total_variance
    shown = min(count, len(pca.components))
    tiles = [
        Tile(pca.components[i].reshape(shape), f"{i + 1}\n{format_percent(shares[i])}", signed=True)
        for i in range(shown)
    ]
    return CaptionedFigure(
        gallery(tiles, 6),
        f"The first {shown} components hold {format_percent(float(shares[:shown].sum()))} of the variance",
        f"{shown} pictures in two colours: the shapes of garments that images of the data set are mixed from.",
        "Blue pixels rise together while clay ones fall. Below each: its rank and its share of the variance.",
    )


@rc_context(STYLE)
def component_scatter(
    features: Floats, labels: Labels, classes: Sequence[str], pca: PCA, component: int = 2, seed: int = 0
) -> CaptionedFigure:
    """Images as dots: component 1 against component ``component``, a colour and a name a class.

    Args:
        features: (N, k) projections.
        labels: (N,).
        classes: the K names.
        pca: what projected them.
        component: 2 for components 1 and 2, 3 for components 1 and 3.
        seed: draws the dots that are shown, 6,000 at most.
    """
    chosen = np.random.default_rng(seed).permutation(len(features))[:MAX_POINTS]
    points, names = features[chosen][:, [0, component - 1]], labels[chosen]
    figure, axes = new_plot(4.4, grid="both")
    colours = [CATEGORY_COLORS[label % len(CATEGORY_COLORS)] for label in names]
    axes.scatter(points[:, 0], points[:, 1], s=5, c=colours, alpha=0.55, linewidths=0, rasterized=True)
    if len(classes) <= MAX_LABELED_CLASSES:
        label_classes(axes, points, names, classes)
    shares = pca.explained_variance / pca.total_variance
    axes.set_xlabel(f"component 1 ({format_percent(shares[0])} of the variance)")
    axes.set_ylabel(f"component {component} ({format_percent(shares[component - 1])})")
    kept = format_percent(float(shares[0] + shares[component - 1]), 0)
    title = f"Components 1 and {component} show {kept} of the variance"
    alt = _class_order(features[:, 0], labels, classes)
    return CaptionedFigure(figure, title, alt, _scatter_note(features[:, [0, component - 1]], labels, len(chosen)))


def reconstructions(labeled: LabeledImages, classes: Sequence[str], pca: PCA, ranks: Sequence[int]) -> CaptionedFigure:
    """A garment of each class, of ten at most, beside what is left of it by the first of ``ranks`` components."""
    firsts = [int(np.flatnonzero(labeled.labels == label)[0]) for label in np.unique(labeled.labels)[:MAX_EXAMPLES]]
    shape = labeled.images.shape[1:]
    features = pca.transform(labeled.images[firsts])
    rows: list[list[Tile | None]] = []
    for place, of_one in zip(firsts, features, strict=True):
        coarse = [Tile(pca.inverse_transform(of_one[np.newaxis, :rank]).reshape(shape), "") for rank in ranks]
        rows.append([Tile(labeled.images[place], shorten(classes[labeled.labels[place]], 14)), *coarse])
    tiles = [tile for place, row in enumerate(rows) for tile in (row if place % 2 else [*row, None])]
    errors = WHITE * pca.reconstruction_errors(len(labeled))
    kept = pca.cumulative_ratio
    headings = [f"{rank}\n{format_percent(kept[rank - 1], 0)}\n± {errors[rank]:.0f}" for rank in ranks]
    headings = ["original", *headings]
    title = f"{ranks[-1]} numbers instead of {pca.components.shape[1]} still show the garment"
    note = (
        "Above each column: the components used, the share of the variance that they keep, and the root mean square "
        f"error of a pixel, of {WHITE} grey levels, over all {len(labeled):,} images."
    )
    alt = f"A garment of each class, and what {', '.join(map(str, ranks))} components keep of it: sharper each time."
    return CaptionedFigure(gallery(tiles, 2 * len(headings) + 1, [*headings, "", *headings]), title, alt, note)


def label_classes(axes: Axes, points: Floats, labels: Labels, classes: Sequence[str]) -> None:
    """Writes each class's name at the middle of its dots, on a plate of paper with a rim of its colour."""
    present = np.unique(labels)
    middles = np.array([np.median(points[labels == label], axis=0) for label in present])
    for label, (x, y) in zip(present, repel_labels(middles, np.ptp(points, axis=0)), strict=True):
        colour = CATEGORY_COLORS[label % len(CATEGORY_COLORS)]
        plate = {
            "boxstyle": "round,pad=0.25",
            "facecolor": BACKGROUND,
            "edgecolor": colour,
            "alpha": 0.88,
            "linewidth": 1.4,
        }
        axes.text(x, y, shorten(classes[label]), ha="center", va="center", fontsize=8.5, color=TEXT, bbox=plate)


def repel_labels(positions: npt.NDArray[np.floating], extent: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Moves names up, the lowest first, until none stands on another; ``extent`` is the extent of the dots."""
    width, height = LABEL_WIDTH * extent[0], LABEL_HEIGHT * extent[1]
    moved = positions.copy()
    order = np.argsort(positions[:, 1])
    for rank, place in enumerate(order):
        for below in order[:rank]:
            beside = abs(moved[place, 0] - moved[below, 0]) < width
            if beside and abs(moved[place, 1] - moved[below, 1]) < height:
                moved[place, 1] = moved[below, 1] + height
    return moved


def _class_order(first_component: npt.NDArray[np.float32], labels: Labels, classes: Sequence[str]) -> str:
    order = sorted(np.unique(labels), key=lambda label: float(first_component[labels == label].mean()))
    return (
        f"Dots coloured by class. Along component 1 the classes lie in the order: "
        f"{', '.join(classes[label] for label in order)}."
    )


def _scatter_note(points: Floats, labels: Labels, n_shown: int) -> str:
    present = np.unique(labels)
    middles = np.array([np.median(points[labels == label], axis=0) for label in present])
    distances = ((points[:, np.newaxis] - middles) ** 2).sum(axis=2)
    at_home = float((present[distances.argmin(axis=1)] == labels).mean())
    part = f"{n_shown:,} of {len(points):,} images" if n_shown < len(points) else f"All {len(points):,} images"
    return (
        f"{part} as dots, coloured by class. {format_percent(at_home, 0)} of the images lie nearest to "
        "the median of their own class; the rest overlap."
    )
