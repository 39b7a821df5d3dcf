"""Figures of a t-SNE map: all images on one plane, and the map's quality metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.scatter import label_classes, scatter_by_class
from clothier.report.formatting import format_percent
from clothier.report.style import BACKGROUND, MUTED, PRIMARY, SECONDARY, STYLE, bar_panels, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Floats, Labels

TOTAL_DOT_AREA = 40_000  # square points divided among the dots of a map
MIN_DOT_AREA, MAX_DOT_AREA = 0.6, 8.0  # square points per dot

METRIC_TITLES = {"knn10": "10 neighbors", "knn100": "100 neighbors", "trustworthiness": "trustworthiness"}
"""Attribute of :class:`MapQuality` to the heading of its panel."""

METRICS_NOTE = (
    "Left and middle: accuracy of a k-NN classifier on the map, for test images with training images as neighbors. "
    "Right: 1 where neighbors on the map are neighbors in the data."
)


def map_figures(
    positions: Floats, labels: Labels, classes: Sequence[str], qualities: Mapping[str, MapQuality], seed: int = 0
) -> dict[str, CaptionedFigure]:
    """Every figure of a map; ``qualities`` is this map first, the first two principal components second."""
    quality, pca_baseline, *_ = qualities.values()
    figures = {"map": map_scatter(positions, labels, classes, quality, pca_baseline, seed)}
    if quality.knn10 is not None:
        figures["map-quality"] = map_quality_bars(qualities)
    return figures


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
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(TOTAL_DOT_AREA / len(positions), MIN_DOT_AREA, MAX_DOT_AREA))
    scatter_by_class(axes, positions[order], labels[order], s=size, alpha=0.6)
    label_classes(axes.text, positions, labels, classes)
    title = f"Similar images are close on a map of {len(positions):,} images"
    alt = f"A scatter plot, colored by class, with clusters that partly overlap: {', '.join(classes)}."
    return CaptionedFigure(figure, title, alt, _quality_note(quality, pca_baseline))


@rc_context(STYLE)
def map_quality_bars(qualities: Mapping[str, MapQuality]) -> CaptionedFigure:
    """The quality metrics of a map, the first of ``qualities``, next to those of others; one panel per metric."""
    values = {title: [getattr(one, name) for one in qualities.values()] for name, title in METRIC_TITLES.items()}
    colors = [PRIMARY] + [SECONDARY] * (len(qualities) - 1)
    bars = {title: [value or 0.0 for value in column] for title, column in values.items()}
    figure, panels = bar_panels(bars, list(qualities), colors)
    for axes, column in zip(panels, values.values(), strict=True):
        for row, value in enumerate(column):
            text = "?" if value is None else f"{value:.3f}"
            axes.text(0.03, row, text, va="center", color=BACKGROUND if value else MUTED)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 1])
    accuracies = [f"{format_percent(one.knn10)} on {name}" for name, one in qualities.items() if one.knn10 is not None]
    alt = "; ".join(f"{name}: {_format_metrics(one)}" for name, one in qualities.items())
    counts = ", ".join(f"{name} {one.n:,}" for name, one in qualities.items())
    title = f"Accuracy with ten neighbors: {', '.join(accuracies)}"
    return CaptionedFigure(figure, title, f"Bars. {alt}.", f"{METRICS_NOTE} Number of points: {counts}.")


def _format_metrics(quality: MapQuality) -> str:
    values = (getattr(quality, name) for name in METRIC_TITLES)
    return ", ".join("unknown" if value is None else f"{value:.3f}" for value in values)


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
