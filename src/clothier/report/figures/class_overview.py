"""Figures of the classes: counts, sample images, mean and standard deviation of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.style import STYLE, bar_panels, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pixels import PixelStatistics
    from clothier.types import Float64Array, Int64Array, Labels

N_SAMPLES = 30  # as in the reference study
SAMPLE_COLUMNS = 6
MEAN_COLUMNS = 5


@rc_context(STYLE)
def class_counts(splits: Mapping[str, Labels], classes: Sequence[str]) -> CaptionedFigure:
    """Number of images of each class in each split; ``splits`` is name to (N,) labels."""
    counts = {name: np.bincount(labels, minlength=len(classes)) for name, labels in splits.items()}
    columns = {f"{name}, {count.sum():,}": count.tolist() for name, count in counts.items()}
    figure, panels = bar_panels(columns, classes)
    for axes in panels:
        axes.set_xlabel("images")
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.xaxis.set_major_formatter(lambda images, _: f"{images:,.0f}")
    title = _balance_summary(counts, classes)
    return CaptionedFigure(figure, title, f"Bars of images per class. {title}.")


def sample_grid(
    labeled: LabeledImages, classes: Sequence[str], n_samples: int = N_SAMPLES, seed: int = 0
) -> CaptionedFigure:
    """About ``n_samples`` images, the same number of every class, drawn at random by ``seed``, with their labels."""
    per_class = max(1, n_samples // len(classes))
    rng = np.random.default_rng(seed)
    sample: list[int] = []
    for label in range(len(classes)):
        sample += rng.permutation(np.flatnonzero(labeled.labels == label))[:per_class].tolist()
    tiles = [Tile(labeled.images[i], shorten(classes[labeled.labels[i]], 12)) for i in sample]
    return CaptionedFigure(
        gallery(tiles, SAMPLE_COLUMNS),
        f"{len(tiles)} images, {per_class} of each class",
        f"{len(tiles)} small gray images, each with its class: {', '.join(classes)}.",
        f"Drawn at random (seed {seed}) from {len(labeled.labels):,} images. "
        "The data set stores them inverted, light on black.",
    )


def mean_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """The mean image of every class that has images."""
    present = statistics.present_classes
    tiles = [Tile(statistics.class_mean_images[label] / WHITE, shorten(classes[label], 14)) for label in present]
    note = "A blurred mean image means that the images of the class differ."
    if len(present) < 2:
        return CaptionedFigure(gallery(tiles, MEAN_COLUMNS), "The mean image", "One mean image.", note)
    pair = " and ".join(classes[present[index]] for index in _closest_pair(statistics.class_mean_images[present]))
    title = f"{pair} have the most similar mean images"
    return CaptionedFigure(gallery(tiles, MEAN_COLUMNS), title, f"The mean image of each class. {title}.", note)


def std_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """Standard deviation of each pixel within every class, all on one scale."""
    present, largest = statistics.present_classes, float(statistics.class_std_images.max()) or 1.0
    rms = {label: math.sqrt((statistics.class_std_images[label] ** 2).mean()) for label in present}
    tiles = [
        Tile(statistics.class_std_images[label] / largest, f"{shorten(classes[label], 14)}\n± {rms[label]:.0f}")
        for label in present
    ]
    most, least = (classes[select(rms, key=rms.__getitem__)] for select in (max, min))
    title = f"{most} varies most from image to image, {least} least" if len(present) > 1 else "Where the pixels vary"
    note = (
        f"The stronger a pixel, the more it varies in its class; full strength is {largest:.0f} of {WHITE} levels. "
        "Below each class: the root mean square over its pixels."
    )
    alt = f"The standard deviation of each pixel, one image per class. {title}."
    return CaptionedFigure(gallery(tiles, MEAN_COLUMNS), title, alt, note)


def _balance_summary(counts: Mapping[str, Int64Array], classes: Sequence[str]) -> str:
    if all(count.min() == count.max() for count in counts.values()):
        per_class = ", ".join(f"{count[0]:,} {name}" for name, count in counts.items())
        return f"Classes are balanced: {per_class} images each"
    name, count = next((name, count) for name, count in counts.items() if count.min() < count.max())
    rare, common = int(count.argmin()), int(count.argmax())
    return f"In {name}, {classes[common]} has {count[common]:,} images and {classes[rare]} only {count[rare]:,}"


def _closest_pair(means: Float64Array) -> tuple[int, int]:
    flat = means.reshape(len(means), -1)
    distances = ((flat[:, np.newaxis] - flat) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return divmod(int(distances.argmin()), len(means))
