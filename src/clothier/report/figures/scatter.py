"""Scatter plots of images, colored by class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import BACKGROUND, BORDER, CATEGORY_COLORS, STYLE, TEXT, new_figure, new_plot, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from clothier.exploration.pca import PCA
    from clothier.types import Floats, Labels

    FloatArray = npt.NDArray[np.floating]

MAX_POINTS, MAX_POINTS_3D = 6_000, 4_000  # enough to show the shape of a class without hiding the next one
MAX_LABELED_CLASSES = 20  # with more, the names do not fit
LABEL_WIDTH, LABEL_HEIGHT = 0.2, 0.055  # size of a name, as a fraction of the points' extent
LABEL_SCALE_3D = 1.7  # the 3D axes are larger than the points, so a name covers more of the points' extent
VIEW_ANGLES = {"elev": 22.0, "azim": -58.0}  # degrees; components 1 and 2 separate Fashion-MNIST best from here


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
    scatter_by_class(axes, points[sample], labels[sample], s=5, alpha=0.55)
    label_classes(axes.text, points[sample], labels[sample], classes)
    ratios = pca.explained_variance / pca.total_variance
    axes.set_xlabel(f"component 1 ({format_percent(ratios[0])} of the variance)")
    axes.set_ylabel(f"component {component} ({format_percent(ratios[component - 1])})")
    explained = format_percent(float(ratios[0] + ratios[component - 1]), 0)
    return CaptionedFigure(
        figure,
        f"Components 1 and {component} explain {explained} of the variance",
        _class_order(points[:, 0], labels, classes),
        f"{_sample_note(len(sample), len(points))} {_overlap_note(points, labels)}",
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
    scatter_by_class(axes, points, labels[sample], s=4, alpha=0.6, depthshade=False)
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ axes.get_proj().T
    projected = homogeneous[:, :2] / homogeneous[:, 3:]
    label_classes(
        partial(axes.text2D, transform=axes.transData), projected, labels[sample], classes, scale=LABEL_SCALE_3D
    )
    explained = format_percent(float((pca.explained_variance / pca.total_variance)[:3].sum()), 0)
    return CaptionedFigure(
        figure,
        f"The first three components explain {explained} of the variance",
        f"A 3D scatter plot, colored by class: {', '.join(classes)}.",
        f"{_sample_note(len(sample), len(features))} Each name is near the median of its class.",
    )


def scatter_by_class(axes: Any, points: Floats, labels: Labels, **options: Any) -> None:
    """Draws ``points`` (N, 2) or (N, 3) in the colors of their classes."""
    colors = [CATEGORY_COLORS[label % len(CATEGORY_COLORS)] for label in labels]
    axes.scatter(*points.T, c=colors, linewidths=0, rasterized=True, **options)


def label_classes(
    draw_text: Callable[..., object],
    points: FloatArray,
    labels: Labels,
    classes: Sequence[str],
    *,
    scale: float = 1.0,
) -> None:
    """Writes each class name at the median of its points, unless there are too many classes.

    Args:
        draw_text: a method of the axes that takes x, y and the text.
        points: (N, 2) on the plane.
        labels: (N,).
        classes: the K names.
        scale: of the space that a name takes.
    """
    if len(classes) > MAX_LABELED_CLASSES:
        return
    positions = repel_labels(_class_medians(points, labels), scale * np.ptp(points, axis=0))
    for label, (x, y) in zip(np.unique(labels), positions, strict=True):
        box = {
            "boxstyle": "round,pad=0.25",
            "facecolor": BACKGROUND,
            "edgecolor": CATEGORY_COLORS[label % len(CATEGORY_COLORS)],
            "alpha": 0.88,
            "linewidth": 1.4,
        }
        draw_text(x, y, shorten(classes[label]), ha="center", va="center", fontsize=8.5, color=TEXT, bbox=box)


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


def _style_3d_axes(axes: Any) -> None:
    axes.view_init(**VIEW_ANGLES)
    axes.set_box_aspect((1, 1, 0.8), zoom=1.04)
    for number, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis), 1):
        axis.set_pane_color((0, 0, 0, 0))
        axis.line.set_color(BORDER)
        axis.set_tick_params(labelsize=8, pad=-2)
        axis.set_label_text(f"component {number}")
        axis.labelpad = -4


def _class_medians(points: FloatArray, labels: Labels) -> FloatArray:
    return np.array([np.median(points[labels == label], axis=0) for label in np.unique(labels)])


def _class_order(first_component: FloatArray, labels: Labels, classes: Sequence[str]) -> str:
    order = sorted(np.unique(labels), key=lambda label: float(first_component[labels == label].mean()))
    names = ", ".join(classes[label] for label in order)
    return f"A scatter plot, colored by class. Order of the classes along component 1: {names}."


def _sample_note(n_shown: int, n: int) -> str:
    return f"{f'{n_shown:,} of {n:,} images' if n_shown < n else f'All {n:,} images'}, colored by class."


def _overlap_note(points: FloatArray, labels: Labels) -> str:
    present = np.unique(labels)
    distances = ((points[:, np.newaxis] - _class_medians(points, labels)) ** 2).sum(axis=2)
    nearest_own = float((present[distances.argmin(axis=1)] == labels).mean())
    return f"{format_percent(nearest_own, 0)} of the images are closest to the median of their own class."
