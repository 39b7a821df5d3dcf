"""Figures of a principal component analysis.

Legend: N images, H, W, P = H * W pixels, K classes, k components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import Drawing
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import percent
from clothier.report.style import CATEGORIES, FIRST, INK, MUTED, PAPER, SECOND, STYLE, plot, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from clothier.data.dataset import Labelled
    from clothier.exploration.pca import PCA
    from clothier.types import Floats, Labels

SHARES = (0.90, 0.95)
"""Shares of the variance that the study asks for."""

NAMED = 20  # classes whose names still find room in a scatter
EXAMPLES = 10  # garments that are reconstructed
LABEL_WIDTH, LABEL_HEIGHT = 0.2, 0.055  # of the dots' extent: what a name covers in a scatter
POINTS = 6_000
"""Dots in a scatter: enough to see the shape of a class, few enough to see the next one behind it."""


@rc_context(STYLE)
def variance_curve(pca: PCA, shares: Sequence[float] = SHARES) -> Drawing:
    """The cumulative share of the variance over the number of components, with a mark at each of ``shares``."""
    figure, axes = plot(3.3, grid="both")
    kept = np.concatenate([[0.0], pca.cumulative_ratio])
    axes.plot(np.arange(len(kept)), kept, color=FIRST)
    needed = [pca.components_for(share) for share in shares]
    for place, (share, count) in enumerate(zip(shares, needed, strict=True)):
        axes.plot([count], [kept[count]], "o", color=SECOND, markersize=6, clip_on=False)
        below: dict[str, Any] = {"xytext": (0.42, 0.62 + 0.14 * place), "textcoords": "axes fraction", "va": "center"}
        leader = {"arrowstyle": "-", "color": MUTED, "shrinkB": 5, "relpos": (0, 0.5)}
        axes.annotate(f"{count} keep {percent(share, 0)}", (count, kept[count]), arrowprops=leader, **below)
    axes.set(xlabel="components", ylabel="share of the variance", xlim=(0, len(kept) - 1), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(lambda share, _: percent(share, 0))
    total = pca.components.shape[1]
    parts = [f"{count} of {total} components" if not place else f"{count}" for place, count in enumerate(needed)]
    words = ", ".join(f"{part} keep {percent(share, 0)}" for part, share in zip(parts, shares, strict=True))
    title = f"Of the variance in the pixels, {words}"
    return Drawing(figure, title, f"A curve that rises steeply and then flattens. {title}.")


def component_pictures(pca: PCA, shape: tuple[int, int], count: int = 12) -> Drawing:
    """The first ``count`` components as pictures of ``shape`` (H, W)."""
    shares = pca.explained_variance / pca.total_variance
    shown = min(count, len(pca.components))
    tiles = [
        Tile(pca.components[i].reshape(shape), f"{i + 1}\n{percent(shares[i])}", signed=True) for i in range(shown)
    ]
    return Drawing(
        gallery(tiles, 6),
        f"The first {shown} components hold {percent(float(shares[:shown].sum()))} of the variance",
        f"{shown} pictures in two colours: the shapes of garments that images of the data set are mixed from.",
        "Blue pixels rise together while clay ones fall. Below each: its rank and its share of the variance.",
    )


@rc_context(STYLE)
def component_scatter(
    features: Floats, labels: Labels, classes: Sequence[str], pca: PCA, other: int = 2, seed: int = 0
) -> Drawing:
    """Images as dots: component 1 against component ``other``, a colour and a name a class.

    Args:
        features: (N, k) projections.
        labels: (N,).
        classes: the K names.
        pca: what projected them.
        other: 2 for components 1 and 2, 3 for components 1 and 3.
        seed: draws the dots that are shown, 6,000 at most.
    """
    chosen = np.random.default_rng(seed).permutation(len(features))[:POINTS]
    points, names = features[chosen][:, [0, other - 1]], labels[chosen]
    figure, axes = plot(4.4, grid="both")
    colours = [CATEGORIES[label % len(CATEGORIES)] for label in names]
    axes.scatter(points[:, 0], points[:, 1], s=5, c=colours, alpha=0.55, linewidths=0, rasterized=True)
    if len(classes) <= NAMED:
        name_clouds(axes, points, names, classes)
    shares = pca.explained_variance / pca.total_variance
    axes.set_xlabel(f"component 1 ({percent(shares[0])} of the variance)")
    axes.set_ylabel(f"component {other} ({percent(shares[other - 1])})")
    kept = percent(float(shares[0] + shares[other - 1]), 0)
    title = f"Components 1 and {other} show {kept} of the variance"
    alt = _where(features[:, 0], labels, classes)
    return Drawing(figure, title, alt, _scatter_note(features[:, [0, other - 1]], labels, len(chosen)))


def reconstructions(labelled: Labelled, classes: Sequence[str], pca: PCA, ranks: Sequence[int]) -> Drawing:
    """A garment of each class, of ten at most, beside what is left of it by the first of ``ranks`` components."""
    firsts = [int(np.flatnonzero(labelled.labels == label)[0]) for label in np.unique(labelled.labels)[:EXAMPLES]]
    shape = labelled.images.shape[1:]
    features = pca.project(labelled.images[firsts])
    rows: list[list[Tile | None]] = []
    for place, of_one in zip(firsts, features, strict=True):
        coarse = [Tile(pca.reconstruct(of_one[np.newaxis, :rank]).reshape(shape), "") for rank in ranks]
        rows.append([Tile(labelled.images[place], shortened(classes[labelled.labels[place]], 14)), *coarse])
    tiles = [tile for place, row in enumerate(rows) for tile in (row if place % 2 else [*row, None])]
    errors = WHITE * pca.reconstruction_errors(len(labelled))
    kept = pca.cumulative_ratio
    headings = [f"{rank}\n{percent(kept[rank - 1], 0)}\n± {errors[rank]:.0f}" for rank in ranks]
    headings = ["original", *headings]
    title = f"{ranks[-1]} numbers instead of {pca.components.shape[1]} still show the garment"
    note = (
        "Above each column: the components used, the share of the variance that they keep, and the root mean square "
        f"error of a pixel, of {WHITE} grey levels, over all {len(labelled):,} images."
    )
    alt = f"A garment of each class, and what {', '.join(map(str, ranks))} components keep of it: sharper each time."
    return Drawing(gallery(tiles, 2 * len(headings) + 1, [*headings, "", *headings]), title, alt, note)


def name_clouds(axes: Axes, points: Floats, labels: Labels, classes: Sequence[str]) -> None:
    """Writes each class's name at the middle of its dots, on a plate of paper with a rim of its colour."""
    present = np.unique(labels)
    middles = np.array([np.median(points[labels == label], axis=0) for label in present])
    for label, (x, y) in zip(present, apart(middles, np.ptp(points, axis=0)), strict=True):
        colour = CATEGORIES[label % len(CATEGORIES)]
        plate = {"boxstyle": "round,pad=0.25", "facecolor": PAPER, "edgecolor": colour, "alpha": 0.88, "linewidth": 1.4}
        axes.text(x, y, shortened(classes[label]), ha="center", va="center", fontsize=8.5, color=INK, bbox=plate)


def apart(places: npt.NDArray[np.floating], reach: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Moves names up, the lowest first, until none stands on another; ``reach`` is the extent of the dots."""
    width, height = LABEL_WIDTH * reach[0], LABEL_HEIGHT * reach[1]
    moved = places.copy()
    order = np.argsort(places[:, 1])
    for rank, place in enumerate(order):
        for below in order[:rank]:
            beside = abs(moved[place, 0] - moved[below, 0]) < width
            if beside and abs(moved[place, 1] - moved[below, 1]) < height:
                moved[place, 1] = moved[below, 1] + height
    return moved


def _where(first: npt.NDArray[np.float32], labels: Labels, classes: Sequence[str]) -> str:
    order = sorted(np.unique(labels), key=lambda label: float(first[labels == label].mean()))
    return (
        f"Dots coloured by class. Along component 1 the classes lie in the order: "
        f"{', '.join(classes[label] for label in order)}."
    )


def _scatter_note(points: Floats, labels: Labels, shown: int) -> str:
    present = np.unique(labels)
    middles = np.array([np.median(points[labels == label], axis=0) for label in present])
    distances = ((points[:, np.newaxis] - middles) ** 2).sum(axis=2)
    at_home = float((present[distances.argmin(axis=1)] == labels).mean())
    part = f"{shown:,} of {len(points):,} images" if shown < len(points) else f"All {len(points):,} images"
    return (
        f"{part} as dots, coloured by class. {percent(at_home, 0)} of the images lie nearest to "
        "the median of their own class; the rest overlap."
    )
