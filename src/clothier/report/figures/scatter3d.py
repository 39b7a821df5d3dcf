"""Images as a cloud of dots in the room of the first three principal components.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.components import repel_labels
from clothier.report.formatting import format_percent
from clothier.report.style import BACKGROUND, BORDER, CATEGORY_COLORS, STYLE, TEXT, new_figure, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.pca import PCA
    from clothier.types import Floats, Labels

MAX_POINTS = 4_000
MAX_LABELED_CLASSES = 20  # classes whose names still find room
LABEL_SPACING = (
    1.7  # extent of the walls by that of the dots: a name takes so much more of the dots' extent than in a flat scatter
)
VIEW_ANGLES = {
    "elev": 22.0,
    "azim": -58.0,
}  # degrees; from here components 1 and 2 part the classes of Fashion-MNIST best


@rc_context(STYLE)
def component_scatter_3d(
    features: Floats, labels: Labels, classes: Sequence[str], pca: PCA, seed: int = 0
) -> CaptionedFigure:
    """Components 1, 2 and 3 in perspective, a colour and a name a class.

    Args:
        features: (N, k) projections, k of 3 or more.
        labels: (N,).
        classes: the K names.
        pca: what projected them.
        seed: draws the dots that are shown, 4,000 at most.
    """
    chosen = np.random.default_rng(seed).permutation(len(features))[:MAX_POINTS]
    points, names = features[chosen, :3], labels[chosen]
    figure = new_figure(4.3)
    axes = figure.add_subplot(projection="3d", computed_zorder=False)
    _style_axes(axes)
    colours = [CATEGORY_COLORS[label % len(CATEGORY_COLORS)] for label in names]
    axes.scatter(*points.T, s=4, c=colours, alpha=0.6, linewidths=0, depthshade=False, rasterized=True)
    if len(classes) <= MAX_LABELED_CLASSES:
        _label_classes(axes, points, names, classes)
    shares = pca.explained_variance / pca.total_variance
    kept = format_percent(float(shares[:3].sum()), 0)
    title = f"The first three components hold {kept} of the variance"
    part = (
        f"{len(chosen):,} of {len(features):,} images" if len(chosen) < len(features) else f"All {len(chosen):,} images"
    )
    return CaptionedFigure(
        figure,
        title,
        f"A cloud of dots in three dimensions, coloured by class: {', '.join(classes)}.",
        f"{part} as dots, coloured by class; each name stands near the median of its class.",
    )


def _style_axes(axes: Any) -> None:
    """Walls of nothing, quiet lines, and a view from the side that shows most."""
    axes.view_init(**VIEW_ANGLES)
    axes.set_box_aspect((1, 1, 0.8), zoom=1.04)
    for place, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis), 1):
        axis.set_pane_color((0, 0, 0, 0))
        axis.line.set_color(BORDER)
        axis.set_tick_params(labelsize=8, pad=-2)
        axis.set_label_text(f"component {place}")
        axis.labelpad = -4


def _label_classes(axes: Any, points: Floats, labels: Labels, classes: Sequence[str]) -> None:
    """Writes each class's name at the median of its dots, on a plate of paper with a rim of its colour."""
    present = np.unique(labels)
    seen = np.column_stack([points, np.ones(len(points))]) @ axes.get_proj().T
    flat = seen[:, :2] / seen[:, 3:]  # where the dots lie on the sheet
    middles = np.array([np.median(flat[labels == label], axis=0) for label in present])
    for label, (x, y) in zip(present, repel_labels(middles, LABEL_SPACING * np.ptp(flat, axis=0)), strict=True):
        colour = CATEGORY_COLORS[label % len(CATEGORY_COLORS)]
        plate = {
            "boxstyle": "round,pad=0.22",
            "facecolor": BACKGROUND,
            "edgecolor": colour,
            "alpha": 0.88,
            "linewidth": 1.3,
        }
        words = {"ha": "center", "va": "center", "fontsize": 8, "color": TEXT, "transform": axes.transData}
        axes.text2D(x, y, shorten(classes[label]), bbox=plate, **words)
