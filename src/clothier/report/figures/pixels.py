"""Figures of grey levels: how many of which, in which class, and where in the frame.

Legend: H, W, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import BLACK, N_LEVELS, WHITE, histogram_mean_std
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import PRIMARY, STYLE, class_axis, new_figure, new_plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.exploration.pixels import PixelStatistics

    FloatArray = npt.NDArray[np.float64]

BIN_WIDTH = 5  # grey levels; 51 bars hold the 255 that are not black
ROW_HEIGHT = 0.29  # inches a class


@rc_context(STYLE)
def gray_level_histogram(statistics: PixelStatistics) -> CaptionedFigure:
    """The share of the pixels at each grey level but black, which the title counts."""
    counts = statistics.histogram.sum(axis=0)
    heights = counts[1:].reshape(-1, BIN_WIDTH).sum(axis=1) / counts.sum()
    figure, axes = new_plot(2.7)
    axes.bar(np.arange(1, N_LEVELS, BIN_WIDTH) + BIN_WIDTH / 2 - 0.5, heights, width=BIN_WIDTH - 1, color=PRIMARY)
    axes.set(xlabel="grey level", ylabel="share of all pixels", xlim=(0, N_LEVELS))
    axes.set_xticks([1, 64, 128, 192, WHITE])
    axes.yaxis.set_major_formatter(lambda share, _: format_percent(share, 1))
    title = f"{format_percent(statistics.fraction_at(BLACK))} of the pixels are black, {format_percent(statistics.fraction_at(WHITE))} are white"
    mean, deviation = histogram_mean_std(counts)
    note = (
        f"Bars of {BIN_WIDTH} grey levels; black, level {BLACK}, is not drawn. "
        f"Over all pixels the mean is {mean:.1f} and the standard deviation {deviation:.1f} of {WHITE}."
    )
    return CaptionedFigure(figure, title, f"Bars of pixels by grey level. {title}.", note)


@rc_context(STYLE)
def class_gray_levels(statistics: PixelStatistics, classes: Sequence[str]) -> CaptionedFigure:
    """Mean and standard deviation of the grey levels of each class, and its share of black."""
    present = statistics.present_classes
    names = [classes[label] for label in present]
    found = np.array([histogram_mean_std(statistics.histogram[label]) for label in present])
    black = [statistics.histogram[label, BLACK] / statistics.histogram[label].sum() for label in present]
    figure = new_figure(0.75 + ROW_HEIGHT * len(present))
    panels = figure.subplots(1, 3, sharey=True)
    headings = {"mean grey": found[:, 0], "deviation": found[:, 1], "black": np.array(black)}
    for axes, (heading, values) in zip(panels, headings.items(), strict=True):
        axes.barh(range(len(present)), values, height=0.62, color=PRIMARY)
        axes.grid(visible=True, axis="x")
        axes.set_title(heading)
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        class_axis(axes, names)
    panels[2].xaxis.set_major_formatter(lambda share, _: format_percent(share, 0))
    most, least = int(found[:, 0].argmax()), int(found[:, 0].argmin())
    title = (
        f"{names[most]} holds the most ink, a mean grey level of {found[most, 0]:.0f}; "
        f"{names[least]} the least, {found[least, 0]:.0f}"
    )
    note = f"Over all pixels of a class: mean and standard deviation in grey levels of {WHITE}, and the share of black."
    return CaptionedFigure(figure, title, f"Bars a class: mean, standard deviation, share of black. {title}.", note)


def mean_and_std_image(statistics: PixelStatistics) -> CaptionedFigure:
    """Where in the frame the ink lies: the average over all images, and how much each pixel varies."""
    mean, deviation = statistics.mean_image, statistics.std_image
    largest = float(deviation.max()) or 1.0
    tiles = [Tile(mean / WHITE, "average"), Tile(deviation / largest, "standard deviation")]
    inside, rim = _fraction_inside(mean), 1 - _fraction_inside(mean, margin=1)
    title = f"The middle quarter of the frame holds {format_percent(inside, 0)} of the ink"
    still = f"{statistics.constant_pixels or 'None'} of the {mean.size:,} pixels {'has' if statistics.constant_pixels <= 1 else 'have'}"
    note = (
        f"Over all images. The outermost pixels hold {format_percent(rim)} of the ink. {still} one grey level in all "
        f"images. Right: full ink is {largest:.0f} of {WHITE} grey levels."
    )
    return CaptionedFigure(
        gallery(tiles, 2), title, f"Two pictures: the average image, and where images differ. {title}.", note
    )


def _fraction_inside(image: FloatArray, margin: int | None = None) -> float:
    """Share of the sum of (H, W) ``image`` that lies inside ``margin`` pixels, or inside half its height and width."""
    height, width = image.shape
    down, right = (margin, margin) if margin is not None else (round(height / 4), round(width / 4))
    total = float(image.sum()) or 1.0
    return float(image[down : height - down, right : width - right].sum()) / total
