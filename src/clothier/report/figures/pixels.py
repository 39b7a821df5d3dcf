"""Figures of gray levels: their histogram, per class, and by position in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import BLACK, N_LEVELS, WHITE, histogram_mean_std
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import PRIMARY, STYLE, bar_panels, new_plot, percent_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.pixels import PixelStatistics
    from clothier.types import Float64Array

BIN_WIDTH = 5  # gray levels; 51 bars for the 255 levels above black


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
    title = f"{black} of the pixels are black, {white} are white"
    mean, std = histogram_mean_std(counts)
    note = (
        f"Bars of {BIN_WIDTH} gray levels; black, level {BLACK}, is not drawn. "
        f"Over all pixels the mean is {mean:.1f} and the standard deviation {std:.1f} of {WHITE}."
    )
    return CaptionedFigure(figure, title, f"Bars of pixels by gray level. {title}.", note)


@rc_context(STYLE)
def class_gray_levels(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """Mean and standard deviation of the gray levels of each class, and its fraction of black pixels."""
    present = statistics.present_classes
    names = [classes[label] for label in present]
    means, stds = np.array([histogram_mean_std(statistics.histogram[label]) for label in present]).T
    black = [statistics.histogram[label, BLACK] / statistics.histogram[label].sum() for label in present]
    figure, panels = bar_panels({"mean": means.tolist(), "std": stds.tolist(), "black": black}, names)
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    percent_axis(panels[2].xaxis, 0)
    most, least = (f"{names[index]} (mean {means[index]:.0f})" for index in (means.argmax(), means.argmin()))
    title = f"{most} has the highest gray levels, {least} the lowest"
    note = (
        f"Over all pixels of a class: mean and standard deviation in gray levels of {WHITE}, and the fraction of black."
    )
    return CaptionedFigure(figure, title, f"Bars per class: mean, standard deviation, black pixels. {title}.", note)


def mean_and_std_image(statistics: PixelStatistics) -> CaptionedFigure:
    """Mean and standard deviation of each pixel over all images."""
    mean, std = statistics.mean_image, statistics.std_image
    largest = float(std.max()) or 1.0
    tiles = [Tile(mean / WHITE, "mean"), Tile(std / largest, "standard deviation")]
    inside, border = _fraction_inside(mean), 1 - _fraction_inside(mean, margin=1)
    title = f"The central quarter of the image holds {format_percent(inside, 0)} of the brightness"
    constant = f"{statistics.constant_pixels or 'None'} of the {mean.size:,} pixels"
    verb = "has" if statistics.constant_pixels <= 1 else "have"
    note = (
        f"Over all images. The border pixels hold {format_percent(border)} of the brightness. {constant} {verb} one "
        f"gray level in all images. Right: full strength is {largest:.0f} of {WHITE} gray levels."
    )
    alt = f"Two images: the mean image, and the standard deviation of each pixel. {title}."
    return CaptionedFigure(gallery(tiles, 2), title, alt, note)


def _fraction_inside(image: Float64Array, margin: int | None = None) -> float:
    """Fraction of the sum of (H, W) ``image`` inside a ``margin``; by default inside half its height and width."""
    height, width = image.shape
    down, right = (margin, margin) if margin is not None else (round(height / 4), round(width / 4))
    total = float(image.sum()) or 1.0
    return float(image[down : height - down, right : width - right].sum()) / total
