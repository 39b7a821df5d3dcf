"""Figures of a data set before any model: classes, samples and gray levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import BLACK, N_LEVELS, WHITE, histogram_mean_std
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import PRIMARY, STYLE, bar_panels, new_plot, percent_axis, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pixels import PixelStatistics
    from clothier.types import Float64Array, Int64Array, Labels

N_SAMPLES = 30  # as in the reference study
SAMPLE_COLUMNS = 6
CLASS_COLUMNS = 5  # of galleries with one image per class
BIN_WIDTH = 5  # gray levels; 51 bars for the 255 levels above black


@rc_context(STYLE)
def class_counts(splits: Mapping[str, Labels], classes: Sequence[str]) -> CaptionedFigure:
    """Number of images of each class in each split; ``splits`` is name to (N,) labels."""
    counts = {name: np.bincount(labels, minlength=len(classes)) for name, labels in splits.items()}
    columns = {f"{name}\n{count.sum():,}": count.tolist() for name, count in counts.items()}
    figure, panels = bar_panels(columns, classes)
    for axes in panels:
        axes.set_xlabel("images")
        axes.xaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.xaxis.set_major_formatter(lambda images, _: f"{images:,.0f}")
    return CaptionedFigure(figure, _balance_summary(counts, classes), "Bars of images per class")


def sample_grid(
    labeled: LabeledImages, classes: Sequence[str], n_samples: int = N_SAMPLES, seed: int = 0
) -> CaptionedFigure:
    """About ``n_samples`` images, the same number of every class, drawn at random by ``seed``.

    The label is below the middle one of each class: as wide as an image, it would touch the next.
    """
    per_class = max(1, n_samples // len(classes))
    rng = np.random.default_rng(seed)
    tiles: list[Tile] = []
    for label, name in enumerate(classes):
        sample = rng.permutation(np.flatnonzero(labeled.labels == label))[:per_class]
        captions = [shorten(name, 12) if place == len(sample) // 2 else "" for place in range(len(sample))]
        tiles += map(Tile, labeled.images[sample], captions)
    return CaptionedFigure(
        gallery(tiles, SAMPLE_COLUMNS),
        f"{len(tiles)} images, {'' if len(tiles) == per_class * len(classes) else 'up to '}{per_class} of each class",
        f"Small gray images by class: {', '.join(classes)}",
        f"Drawn at random (seed {seed}) from {len(labeled.labels):,} images. In the data, they are light on black.",
    )


def mean_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """The mean image of every class that has images."""
    present, title = statistics.present_classes, "The mean image"
    tiles = [Tile(statistics.class_mean_images[label] / WHITE, shorten(classes[label], 14)) for label in present]
    if len(present) > 1:
        pair = (classes[present[index]] for index in _closest_pair(statistics.class_mean_images[present]))
        title = f"{' and '.join(pair)} have the most similar mean images"
    note = "A blurred mean image means that the images of the class differ."
    return CaptionedFigure(gallery(tiles, CLASS_COLUMNS), title, "The mean image of each class", note)


def std_images(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """Standard deviation of each pixel within every class, all on one scale."""
    present, largest = statistics.present_classes, float(statistics.class_std_images.max()) or 1.0
    rms = {label: math.sqrt((statistics.class_std_images[label] ** 2).mean()) for label in present}
    tiles = [
        Tile(statistics.class_std_images[label] / largest, f"{shorten(classes[label], 14)}\nstd {rms[label]:.0f}")
        for label in present
    ]
    most, least = (classes[select(rms, key=rms.__getitem__)] for select in (max, min))
    title = f"{most} varies most from image to image, {least} least" if len(present) > 1 else "Where the pixels vary"
    note = (
        f"The stronger a pixel, the more it varies in its class; full strength is {largest:.0f} of {WHITE} levels. "
        "Below each class: the root mean square over its pixels."
    )
    content = "The standard deviation of each pixel, one image per class"
    return CaptionedFigure(gallery(tiles, CLASS_COLUMNS), title, content, note)


@rc_context(STYLE)
def gray_level_histogram(statistics: PixelStatistics) -> CaptionedFigure:
    """The fraction of pixels at each gray level except black, which the title states."""
    counts = statistics.histogram.sum(axis=0)
    heights = counts[1:].reshape(-1, BIN_WIDTH).sum(axis=1) / counts.sum()
    figure, axes = new_plot(2.7)
    axes.bar(np.arange(1, N_LEVELS, BIN_WIDTH) + BIN_WIDTH / 2 - 0.5, heights, width=BIN_WIDTH - 1, color=PRIMARY)
    axes.set(xlabel="gray level", ylabel="fraction of all pixels", xlim=(0, N_LEVELS))
    axes.set_xticks([1, 64, 128, 192, WHITE])
    percent_axis(axes.yaxis, 1)
    black, white = (format_percent(statistics.fraction_at(level)) for level in (BLACK, WHITE))
    mean, std = histogram_mean_std(counts)
    note = (
        f"Bars of {BIN_WIDTH} gray levels; level {BLACK}, the background, is not drawn. "
        f"Over all pixels the mean is {mean:.1f} and the standard deviation {std:.1f} of {WHITE}."
    )
    title = f"{black} of the pixels are empty (level {BLACK}), {white} have the highest level"
    return CaptionedFigure(figure, title, "Bars of pixels by gray level", note)


@rc_context(STYLE)
def class_gray_levels(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """Mean and standard deviation of the gray levels of each class, and its fraction of black pixels."""
    present = statistics.present_classes
    names = [classes[label] for label in present]
    means, stds = np.array([histogram_mean_std(statistics.histogram[label]) for label in present]).T
    black = [statistics.histogram[label, BLACK] / statistics.histogram[label].sum() for label in present]
    figure, panels = bar_panels({"mean": means.tolist(), "std": stds.tolist(), "empty": black}, names)
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    percent_axis(panels[2].xaxis, 0)
    most, least = (f"{names[index]} (mean {means[index]:.0f})" for index in (means.argmax(), means.argmin()))
    title = f"{most} has the highest gray levels, {least} the lowest"
    note = (
        f"Over all pixels of a class: mean and standard deviation in gray levels of {WHITE}, and the fraction of "
        f"pixels at level {BLACK}, the background."
    )
    return CaptionedFigure(figure, title, "Bars per class: mean, standard deviation, empty pixels", note)


def mean_and_std_image(statistics: PixelStatistics) -> CaptionedFigure:
    """Mean and standard deviation of each pixel over all images."""
    mean, std = statistics.mean_image, statistics.std_image
    largest = float(std.max()) or 1.0
    tiles = [Tile(mean / WHITE, "mean"), Tile(std / largest, "standard deviation")]
    height, width = mean.shape
    inside, border = _fraction_inside(mean, round(height / 4), round(width / 4)), 1 - _fraction_inside(mean, 1, 1)
    constant = f"{statistics.constant_pixels or 'None'} of the {mean.size:,} pixels"
    note = (
        f"Over all images. The border pixels hold {format_percent(border)} of the brightness. {constant} "
        f"{'has' if statistics.constant_pixels <= 1 else 'have'} one gray level in all images. "
        f"Right: full strength is {largest:.0f} of {WHITE} gray levels."
    )
    return CaptionedFigure(
        gallery(tiles, 2),
        f"The central quarter of the image holds {format_percent(inside, 0)} of the brightness",
        "Two images: the mean image, and the standard deviation of each pixel",
        note,
    )


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


def _fraction_inside(image: Float64Array, down: int, right: int) -> float:
    """Fraction of the sum of (H, W) ``image`` inside margins of ``down`` and ``right`` pixels."""
    height, width = image.shape
    return float(image[down : height - down, right : width - right].sum() / (image.sum() or 1.0))
