"""Figures that look at the data before any model does.

Legend: N images, H, W, K classes, k components.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.style import PRIMARY, STYLE, class_axis, new_figure, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pixels import PixelStatistics
    from clothier.types import Labels

    FloatArray = npt.NDArray[np.float64]

ROW_HEIGHT = 0.29  # inches a class
N_SAMPLES = 30  # as in the study
SAMPLE_COLUMNS = 6
MEAN_COLUMNS = 5


@rc_context(STYLE)
def class_counts(splits: Mapping[str, Labels], classes: Sequence[str]) -> CaptionedFigure:
    """How many images of each class every split has; ``splits`` maps its name to (N,) labels."""
    counts = {name: np.bincount(labels, minlength=len(classes)) for name, labels in splits.items()}
    figure = new_figure(0.75 + ROW_HEIGHT * len(classes))
    panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for axes, (name, count) in zip(panels, counts.items(), strict=True):
        axes.barh(range(len(classes)), count, height=0.62, color=PRIMARY)
        axes.grid(visible=True, axis="x")
        axes.set(title=f"{name}, {count.sum():,}", xlabel="images")
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.xaxis.set_major_formatter(lambda images, _: f"{images:,.0f}")
        class_axis(axes, classes)
    finding = _balance_summary(counts, classes)
    return CaptionedFigure(figure, finding, f"Bars of images a class. {finding}.")


def sample_grid(
    labeled: LabeledImages, classes: Sequence[str], n_samples: int = N_SAMPLES, seed: int = 0
) -> CaptionedFigure:
    """About ``n_samples`` garments, as many of every class, drawn at random by ``seed``; each stands above its label."""
    each = max(1, n_samples // len(classes))
    chance = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in range(len(classes)):
        places = np.flatnonzero(labeled.labels == label)
        chosen += [int(i) for i in chance.permutation(places)[:each]]
    tiles = [Tile(labeled.images[i], shorten(classes[labeled.labels[i]], 12)) for i in chosen]
    return CaptionedFigure(
        gallery(tiles, SAMPLE_COLUMNS),
        f"{len(tiles)} garments, {each} of each class",
        f"{len(tiles)} small grey pictures, each with its class: {', '.join(classes)}.",
        f"Drawn at random (seed {seed}) from {len(labeled.labels):,} images. "
        "The data set stores them as negatives, light on black.",
    )


def mean_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """The average picture of every class that has one."""
    present = statistics.present_classes
    tiles = [Tile(statistics.class_mean_images[label] / WHITE, shorten(classes[label], 14)) for label in present]
    note = "Where an average is blurred, the garments of that class differ."
    if len(present) < 2:
        return CaptionedFigure(gallery(tiles, MEAN_COLUMNS), "The average garment", "One average picture.", note)
    alike = " and ".join(classes[present[place]] for place in _closest_pair(statistics.class_mean_images[present]))
    title = f"{alike} have the averages that are most alike"
    return CaptionedFigure(gallery(tiles, MEAN_COLUMNS), title, f"The average picture of each class. {title}.", note)


def std_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """How much each pixel varies within every class, all on one scale."""
    present, largest = statistics.present_classes, float(statistics.class_std_images.max()) or 1.0
    typical = {label: math.sqrt((statistics.class_std_images[label] ** 2).mean()) for label in present}
    tiles = [
        Tile(statistics.class_std_images[label] / largest, f"{shorten(classes[label], 14)}\n± {typical[label]:.0f}")
        for label in present
    ]
    most, least = (classes[choose(typical, key=typical.__getitem__)] for choose in (max, min))
    title = f"{most} varies most from picture to picture, {least} least"
    note = (
        f"The stronger the ink, the more a pixel varies within the class; full ink is {largest:.0f} of {WHITE} grey "
        "levels. Below each class: the root mean square over its pixels."
    )
    alt = f"The standard deviation of each pixel, a picture a class. {title}."
    return CaptionedFigure(
        gallery(tiles, MEAN_COLUMNS), title if len(present) > 1 else "Where the pixels vary", alt, note
    )


def _balance_summary(counts: Mapping[str, npt.NDArray[np.int64]], classes: Sequence[str]) -> str:
    if all(count.min() == count.max() for count in counts.values()):
        each = ", ".join(f"{count[0]:,} {name}" for name, count in counts.items())
        return f"Every class has as many images as any other: {each}"
    name, count = next((name, count) for name, count in counts.items() if count.min() < count.max())
    rare, common = int(count.argmin()), int(count.argmax())
    return f"In {name}, {classes[common]} has {count[common]:,} images and {classes[rare]} only {count[rare]:,}"


def _closest_pair(means: FloatArray) -> tuple[int, int]:
    flat = means.reshape(len(means), -1)
    distances = ((flat[:, np.newaxis] - flat) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return divmod(int(distances.argmin()), len(means))
