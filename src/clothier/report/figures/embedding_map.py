"""The map of all garments on one sheet, with what can be trusted of it.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context

from clothier.report.captioned_figure import Drawing
from clothier.report.figures.components import NAMED, name_clouds
from clothier.report.formatting import percent
from clothier.report.style import CATEGORIES, FIRST, MUTED, PAPER, SECOND, STYLE, canvas, class_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Floats, Labels

DOT_AREA = 40_000  # square points shared among the dots of a map: few are drawn large, many small
SMALLEST, LARGEST = 0.6, 8.0  # square points a dot

FIGURES = {"knn10": "10 neighbours", "knn100": "100 neighbours", "trustworthiness": "trustworthiness"}
"""Attribute of a quality to the heading of its panel."""

HOW_JUDGED = (
    "Left and middle: the share of test pictures that the nearest training pictures on the map vote right. Right: 1 "
    "where neighbours on the map are neighbours in the data."
)


def map_figures(
    positions: Floats, labels: Labels, classes: Sequence[str], judged: Mapping[str, MapQuality], seed: int = 0
) -> dict[str, Drawing]:
    """Every figure of a map; ``judged`` is this map first, the first two principal components second."""
    quality, plane, *_ = judged.values()
    figures = {"map": garment_map(positions, labels, classes, quality, plane, seed)}
    if quality.knn10 is not None:
        figures["map-quality"] = map_qualities(judged)
    return figures


@rc_context(STYLE)
def garment_map(
    positions: Floats, labels: Labels, classes: Sequence[str], quality: MapQuality, plane: MapQuality, seed: int = 0
) -> Drawing:
    """Every image as a dot where the map puts it, a colour and a name a class.

    Args:
        positions: (N, 2).
        labels: (N,).
        classes: the K names.
        quality: of the map.
        plane: of the first two principal components of the same images.
        seed: of the order in which dots are laid over each other, so that no class covers the rest.
    """
    order = np.random.default_rng(seed).permutation(len(positions))
    points, names = positions[order], labels[order]
    figure = canvas(5.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(DOT_AREA / len(points), SMALLEST, LARGEST))
    colours = [CATEGORIES[label % len(CATEGORIES)] for label in names]
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, alpha=0.6, linewidths=0, rasterized=True)
    if len(classes) <= NAMED:
        name_clouds(axes, points, names, classes)
    title = f"What looks alike lies together on a map of {len(points):,} images"
    alt = f"Dots coloured by class, in islands that partly run into each other: {', '.join(classes)}."
    return Drawing(figure, title, alt, _trusted(quality, plane))


@rc_context(STYLE)
def map_qualities(judged: Mapping[str, MapQuality]) -> Drawing:
    """The figures of a map, the first of ``judged``, beside those of others; one panel a figure."""
    figure = canvas(1.15 + 0.34 * len(judged))
    panels = figure.subplots(1, len(FIGURES), sharey=True)
    for axes, (figure_name, heading) in zip(panels, FIGURES.items(), strict=True):
        values = [getattr(one, figure_name) for one in judged.values()]
        axes.barh(
            range(len(values)),
            [value or 0 for value in values],
            height=0.6,
            color=[FIRST] + [SECOND] * (len(values) - 1),
        )
        for row, value in enumerate(values):
            axes.text(0.03, row, "?" if value is None else f"{value:.3f}", va="center", color=PAPER if value else MUTED)
        axes.set(title=heading, xlim=(0, 1))
        axes.set_xticks([0, 1])
        axes.grid(visible=True, axis="x")
        class_axis(axes, list(judged))
    votes = {name: percent(one.knn10) for name, one in judged.items() if one.knn10 is not None}
    title = f"Ten neighbours name {', '.join(f'{share} on {name}' for name, share in votes.items())}"
    alt = "; ".join(_figures(name, one) for name, one in judged.items())
    return Drawing(figure, title, f"Bars. {alt}.", f"{HOW_JUDGED} Points: {_points(judged)}.")


def _figures(name: str, quality: MapQuality) -> str:
    values = (getattr(quality, one) for one in FIGURES)
    return f"{name}: {', '.join('unknown' if value is None else f'{value:.3f}' for value in values)}"


def _points(judged: Mapping[str, MapQuality]) -> str:
    return ", ".join(f"{name} {one.n:,}" for name, one in judged.items())


def _trusted(quality: MapQuality, plane: MapQuality) -> str:
    votes = [
        f"{k} neighbours on the map name {percent(on_map)} of test images, on two components {percent(flat)}"
        for k, on_map, flat in ((10, quality.knn10, plane.knn10), (100, quality.knn100, plane.knn100))
        if on_map is not None and flat is not None
    ]
    if quality.trustworthiness is not None and plane.trustworthiness is not None:
        votes.append(f"trustworthiness is {quality.trustworthiness:.3f}, against {plane.trustworthiness:.3f}")
    warning = "Directions and distances between islands mean nothing."
    return f"{warning} {'; '.join(votes)}." if votes else warning
