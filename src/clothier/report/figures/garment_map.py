"""The map of all garments on one sheet, with what can be trusted of it.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context

from clothier.report.drawing import Drawing
from clothier.report.figures.components import NAMED, name_clouds
from clothier.report.style import CATEGORIES, STYLE, canvas
from clothier.report.words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.analysis.map_quality import MapQuality
    from clothier.records import Floats, Labels

DOT_AREA = 40_000  # square points shared among the dots of a map: few are drawn large, many small
SMALLEST, LARGEST = 0.6, 8.0  # square points a dot


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
    title = f"{len(points):,} images laid out by t-SNE: what looks alike lies together"
    alt = f"Dots coloured by class, in islands that partly run into each other: {', '.join(classes)}."
    return Drawing(figure, title, alt, _trusted(quality, plane))


def _trusted(quality: MapQuality, plane: MapQuality) -> str:
    votes = [
        f"{k} neighbours on the map name {percent(on_map)} of unseen images, on two components {percent(flat)}"
        for k, on_map, flat in ((10, quality.knn10, plane.knn10), (100, quality.knn100, plane.knn100))
        if on_map is not None and flat is not None
    ]
    if quality.trustworthiness is not None and plane.trustworthiness is not None:
        votes.append(f"trustworthiness is {quality.trustworthiness:.3f}, against {plane.trustworthiness:.3f}")
    warning = "Directions and distances between islands mean nothing."
    return f"{warning} {'; '.join(votes)}." if votes else warning
