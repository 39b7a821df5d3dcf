"""The map of all garments on one sheet, with what can be trusted of it.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.components import MAX_LABELED_CLASSES, label_classes
from clothier.report.formatting import format_percent
from clothier.report.style import BACKGROUND, CATEGORY_COLORS, MUTED, PRIMARY, SECONDARY, STYLE, class_axis, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Floats, Labels

TOTAL_DOT_AREA = 40_000  # square points shared among the dots of a map: few are drawn large, many small
MIN_DOT_AREA, MAX_DOT_AREA = 0.6, 8.0  # square points a dot

METRIC_TITLES = {"knn10": "10 neighbours", "knn100": "100 neighbours", "trustworthiness": "trustworthiness"}
"""Attribute of a quality to the heading of its panel."""

METRICS_NOTE = (
    "Left and middle: the share of test pictures that the nearest training pictures on the map vote right. Right: 1 "
    "where neighbours on the map are neighbours in the data."
)


def map_figures(
    positions: Floats, labels: Labels, classes: Sequence[str], qualities: Mapping[str, MapQuality], seed: int = 0
) -> dict[str, CaptionedFigure]:
    """Every figure of a map; ``qualities`` is this map first, the first two principal components second."""
    quality, plane, *_ = qualities.values()
    figures = {"map": map_scatter(positions, labels, classes, quality, plane, seed)}
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
    """Every image as a dot where the map puts it, a colour and a name a class.

    Args:
        positions: (N, 2).
        labels: (N,).
        classes: the K names.
        quality: of the map.
        pca_baseline: of the first two principal components of the same images.
        seed: of the order in which dots are laid over each other, so that no class covers the rest.
    """
    order = np.random.default_rng(seed).permutation(len(positions))
    points, names = positions[order], labels[order]
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(TOTAL_DOT_AREA / len(points), MIN_DOT_AREA, MAX_DOT_AREA))
    colours = [CATEGORY_COLORS[label % len(CATEGORY_COLORS)] for label in names]
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, alpha=0.6, linewidths=0, rasterized=True)
    if len(classes) <= MAX_LABELED_CLASSES:
        label_classes(axes, points, names, classes)
    title = f"What looks alike lies together on a map of {len(points):,} images"
    alt = f"Dots coloured by class, in islands that partly run into each other: {', '.join(classes)}."
    return CaptionedFigure(figure, title, alt, _quality_note(quality, pca_baseline))


@rc_context(STYLE)
def map_quality_bars(qualities: Mapping[str, MapQuality]) -> CaptionedFigure:
    """The figures of a map, the first of ``qualities``, beside those of others; one panel a figure."""
    figure = new_figure(1.15 + 0.34 * len(qualities))
    panels = figure.subplots(1, len(METRIC_TITLES), sharey=True)
    for axes, (figure_name, heading) in zip(panels, METRIC_TITLES.items(), strict=True):
        values = [getattr(one, figure_name) for one in qualities.values()]
        axes.barh(
            range(len(values)),
            [value or 0 for value in values],
            height=0.6,
            color=[PRIMARY] + [SECONDARY] * (len(values) - 1),
        )
        for row, value in enumerate(values):
            axes.text(
                0.03, row, "?" if value is None else f"{value:.3f}", va="center", color=BACKGROUND if value else MUTED
            )
        axes.set(title=heading, xlim=(0, 1))
        axes.set_xticks([0, 1])
        axes.grid(visible=True, axis="x")
        class_axis(axes, list(qualities))
    votes = {name: format_percent(one.knn10) for name, one in qualities.items() if one.knn10 is not None}
    title = f"Ten neighbours name {', '.join(f'{share} on {name}' for name, share in votes.items())}"
    alt = "; ".join(_metric_summary(name, one) for name, one in qualities.items())
    return CaptionedFigure(figure, title, f"Bars. {alt}.", f"{METRICS_NOTE} Points: {_point_counts(qualities)}.")


def _metric_summary(name: str, quality: MapQuality) -> str:
    values = (getattr(quality, one) for one in METRIC_TITLES)
    return f"{name}: {', '.join('unknown' if value is None else f'{value:.3f}' for value in values)}"


def _point_counts(qualities: Mapping[str, MapQuality]) -> str:
    return ", ".join(f"{name} {one.n:,}" for name, one in qualities.items())


def _quality_note(quality: MapQuality, pca_baseline: MapQuality) -> str:
    votes = [
        f"{k} neighbours on the map name {format_percent(on_map)} of test images, on two components {format_percent(flat)}"
        for k, on_map, flat in ((10, quality.knn10, pca_baseline.knn10), (100, quality.knn100, pca_baseline.knn100))
        if on_map is not None and flat is not None
    ]
    if quality.trustworthiness is not None and pca_baseline.trustworthiness is not None:
        votes.append(f"trustworthiness is {quality.trustworthiness:.3f}, against {pca_baseline.trustworthiness:.3f}")
    warning = "Directions and distances between islands mean nothing."
    return f"{warning} {'; '.join(votes)}." if votes else warning
