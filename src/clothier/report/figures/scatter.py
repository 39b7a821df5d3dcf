"""Scatter plots of images, colored by class: principal components and t-SNE maps, and the quality of a map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import (
    BACKGROUND,
    BORDER,
    MUTED,
    PRIMARY,
    SECONDARY,
    STYLE,
    TEXT,
    bar_panels,
    class_color,
    new_figure,
    new_plot,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from clothier.exploration.pca import PCA
    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Floats, Labels

    FloatArray = npt.NDArray[np.floating]

MAX_POINTS, MAX_POINTS_3D = 6_000, 4_000  # enough to show the shape of a class without hiding the next one
TOTAL_DOT_AREA = 40_000  # square points divided among the dots of a map
MIN_DOT_AREA, MAX_DOT_AREA = 0.6, 8.0  # square points per dot of a map
MAX_LABELED_CLASSES = 20  # with more, the names do not fit
LABEL_WIDTH, LABEL_HEIGHT = 0.2, 0.055  # size of a name, as a fraction of the points' extent
LABEL_SCALE_3D = 2.1  # the 3D axes are larger than the points, so a name covers more of the points' extent
MIN_LABELED_BAR = 0.4  # shortest bar, of 1, that has room for its value; beside a shorter one stands the value
VIEW_ANGLES = {"elev": 22.0, "azim": -58.0}  # degrees; components 1 and 2 separate Fashion-MNIST best from here

METRIC_TITLES = {
    "knn10": "accuracy,\n10 neighbors",
    "knn100": "accuracy,\n100 neighbors",
    "trustworthiness": "trust-\nworthiness",
}
"""Attribute of :class:`MapQuality` to the heading of its panel."""


@rc_context(STYLE)
def component_scatter(
    features: Floats, labels: Labels, classes: Sequence[str], pca: PCA, component: int = 2, seed: int = 0
) -> CaptionedFigure:
    """Component 1 against component ``component``.

    Args:
        features: (N, k) projections.
        labels: (N,).
        classes: the K names.
        pca: the PCA of the projections.
        component: 2 or more.
        seed: draws the sample of points.
    """
    points = features[:, [0, component - 1]]
    sample = np.random.default_rng(seed).permutation(len(points))[:MAX_POINTS]
    figure, axes = new_plot(4.4, grid="both")
    _scatter_by_class(axes, points[sample], labels[sample], s=5, alpha=0.55)
    _label_classes(axes.text, points[sample], labels[sample], classes)
    first, second = (pca.explained_variance / pca.total_variance)[[0, component - 1]]
    axes.set_xlabel(f"component 1 ({format_percent(first)} of the variance)")
    axes.set_ylabel(f"component {component} ({format_percent(second)})")
    present, medians = np.unique(labels), _class_medians(points, labels)
    nearest = present[((points[:, np.newaxis] - medians) ** 2).sum(axis=2).argmin(axis=1)]
    return CaptionedFigure(
        figure,
        f"Components 1 and {component} explain {format_percent(first + second, 0)} of the variance",
        "A scatter plot, colored by class. Order of the classes along component 1: "
        f"{', '.join(classes[label] for label in present[medians[:, 0].argsort()])}",
        f"{_sample_note(len(sample), len(points))} {format_percent((nearest == labels).mean(), 0)} of the images are "
        "closest to the median of their own class.",
    )


@rc_context(STYLE)
def component_scatter_3d(
    features: Floats, labels: Labels, classes: Sequence[str], pca: PCA, seed: int = 0
) -> CaptionedFigure:
    """Components 1, 2 and 3 in perspective; arguments as in :func:`component_scatter`, with k of 3 or more."""
    sample = np.random.default_rng(seed).permutation(len(features))[:MAX_POINTS_3D]
    points = features[sample, :3]
    figure = new_figure(4.3)
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)
    _style_3d_axes(axes)
    _scatter_by_class(axes, points, labels[sample], s=4, alpha=0.6, depthshade=False)
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ axes.get_proj().T
    projected = homogeneous[:, :2] / homogeneous[:, 3:]
    draw_text = partial(axes.text2D, transform=axes.transData)
    _label_classes(draw_text, projected, labels[sample], classes, scale=LABEL_SCALE_3D)
    explained = format_percent((pca.explained_variance / pca.total_variance)[:3].sum(), 0)
    return CaptionedFigure(
        figure,
        f"The first three components explain {explained} of the variance",
        f"A 3D scatter plot, colored by class: {', '.join(classes)}",
        f"{_sample_note(len(sample), len(features))} Each name is near the median of its class.",
    )


@rc_context(STYLE)
def map_scatter(
    positions: Floats,
    labels: Labels,
    classes: Sequence[str],
    quality: MapQuality,
    pca_baseline: MapQuality,
    seed: int = 0,
) -> CaptionedFigure:
    """Every image as a dot at its position.

    Args:
        positions: (N, 2).
        labels: (N,).
        classes: the K names.
        quality: of the map.
        pca_baseline: of the first two principal components of the same images.
        seed: of the drawing order; a random order keeps one class from covering the others.
    """
    order = np.random.default_rng(seed).permutation(len(positions))
    figure, axes = new_plot(5.2)
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(TOTAL_DOT_AREA / len(positions), MIN_DOT_AREA, MAX_DOT_AREA))
    _scatter_by_class(axes, positions[order], labels[order], s=size, alpha=0.6)
    _label_classes(axes.text, positions, labels, classes)
    title = f"Similar images are close on a map of {len(positions):,} images"
    content = f"A scatter plot, colored by class, with clusters that partly overlap: {', '.join(classes)}"
    return CaptionedFigure(figure, title, content, _quality_note(quality, pca_baseline))


@rc_context(STYLE)
def map_quality_bars(qualities: Mapping[str, MapQuality]) -> CaptionedFigure:
    """The quality metrics of a map, the first of ``qualities``, next to those of others; one panel per metric."""
    values = {title: [getattr(one, name) for one in qualities.values()] for name, title in METRIC_TITLES.items()}
    bars = {title: [value or 0.0 for value in column] for title, column in values.items()}
    figure, panels = bar_panels(bars, list(qualities), [PRIMARY] + [SECONDARY] * (len(qualities) - 1))
    for axes, column in zip(panels, values.values(), strict=True):
        for row, value in enumerate(column):
            fits = (value or 0.0) >= MIN_LABELED_BAR
            x, color = (0.03, BACKGROUND) if fits else ((value or 0.0) + 0.03, MUTED)
            axes.text(x, row, _format_metric(value), va="center", color=color)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 1])
    titles = [title.replace("-\n", "").replace(",\n", " with ") for title in values]
    accuracies = [f"{format_percent(one.knn10)} on {name}" for name, one in qualities.items() if one.knn10 is not None]
    rows = [
        f"{name}: {', '.join(_format_metric(column[row]) for column in values.values())}"
        for row, name in enumerate(qualities)
    ]
    return CaptionedFigure(
        figure,
        f"Accuracy with ten neighbors: {', '.join(accuracies)}",
        f"Bars of {', '.join(titles)}: {'; '.join(rows)}",
        "Left and middle: accuracy of a k-NN classifier on the map, for test images with training images as "
        "neighbors. Right: 1 where neighbors on the map are neighbors in the data. Number of points: "
        f"{', '.join(f'{name} {one.n:,}' for name, one in qualities.items())}.",
    )


def repel_labels(positions: FloatArray, extent: FloatArray) -> FloatArray:
    """Moves labels up, the lowest first, until none overlaps another; ``extent`` is the extent of the points."""
    width, height = LABEL_WIDTH * extent[0], LABEL_HEIGHT * extent[1]
    moved = positions.copy()
    order = np.argsort(positions[:, 1])
    for rank, label in enumerate(order):
        for lower in order[:rank]:
            overlaps = abs(moved[label, 0] - moved[lower, 0]) < width
            if overlaps and abs(moved[label, 1] - moved[lower, 1]) < height:
                moved[label, 1] = moved[lower, 1] + height
    return moved


def _scatter_by_class(axes: Any, points: Floats, labels: Labels, **options: Any) -> None:
    axes.scatter(*points.T, c=[class_color(label) for label in labels], linewidths=0, rasterized=True, **options)


def _label_classes(
    draw_text: Callable[..., object], points: FloatArray, labels: Labels, classes: Sequence[str], scale: float = 1.0
) -> None:
    """Writes each class name at the median of its points, unless there are too many classes.

    ``draw_text`` is a method of the axes that takes x, y and the text; ``scale`` is of the space that a name takes.
    """
    if len(classes) > MAX_LABELED_CLASSES:
        return
    positions = repel_labels(_class_medians(points, labels), scale * np.ptp(points, axis=0))
    for label, (x, y) in zip(np.unique(labels), positions, strict=True):
        box = {
            "boxstyle": "round,pad=0.25",
            "facecolor": BACKGROUND,
            "edgecolor": class_color(label),
            "alpha": 0.88,
            "linewidth": 1.4,
        }
        draw_text(x, y, shorten(classes[label]), ha="center", va="center", fontsize=10, color=TEXT, bbox=box)


def _style_3d_axes(axes: Any) -> None:
    axes.view_init(**VIEW_ANGLES)
    axes.set_box_aspect((1, 1, 0.8), zoom=0.98)
    for number, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis), 1):
        axis.set_pane_color((0, 0, 0, 0))
        axis.line.set_color(BORDER)
        axis.set_tick_params(labelsize=10, pad=-2)
        axis.set_major_locator(MaxNLocator(4))  # with more, their numbers touch on the short sides
        axis.set_label_text(f"component {number}")
        axis.labelpad = -4


def _class_medians(points: FloatArray, labels: Labels) -> FloatArray:
    return np.array([np.median(points[labels == label], axis=0) for label in np.unique(labels)])


def _sample_note(n_shown: int, n: int) -> str:
    return f"{f'{n_shown:,} of {n:,} images' if n_shown < n else f'All {n:,} images'}, colored by class."


def _format_metric(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _quality_note(quality: MapQuality, pca_baseline: MapQuality) -> str:
    sentences = ["Directions and distances between clusters have no meaning."]
    for k, ours, pca in ((10, quality.knn10, pca_baseline.knn10), (100, quality.knn100, pca_baseline.knn100)):
        if ours is not None and pca is not None:
            accuracies = f"{format_percent(ours)} on the map and {format_percent(pca)} on two components"
            sentences.append(f"With {k} neighbors, k-NN accuracy is {accuracies}.")
    ours, pca = quality.trustworthiness, pca_baseline.trustworthiness
    if ours is not None and pca is not None:
        sentences.append(f"Trustworthiness is {ours:.3f} on the map and {pca:.3f} on two components.")
    return " ".join(sentences)
