"""Figures of grey levels: how many of which, in which class, and where in the frame.

Legend: H, W, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.exploration.pixels import BLACK, LEVELS, WHITE, moments
from clothier.report.captioned_figure import Drawing
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import percent
from clothier.report.style import FIRST, STYLE, canvas, class_axis, plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.exploration.pixels import PixelStatistics

    Doubles = npt.NDArray[np.float64]

BAR = 5  # grey levels; 51 bars hold the 255 that are not black
ROW = 0.29  # inches a class


@rc_context(STYLE)
def grey_levels(pixels: PixelStatistics) -> Drawing:
    """The share of the pixels at each grey level but black, which the title counts."""
    counts = pixels.histogram.sum(axis=0)
    heights = counts[1:].reshape(-1, BAR).sum(axis=1) / counts.sum()
    figure, axes = plot(2.7)
    axes.bar(np.arange(1, LEVELS, BAR) + BAR / 2 - 0.5, heights, width=BAR - 1, color=FIRST)
    axes.set(xlabel="grey level", ylabel="share of all pixels", xlim=(0, LEVELS))
    axes.set_xticks([1, 64, 128, 192, WHITE])
    axes.yaxis.set_major_formatter(lambda share, _: percent(share, 1))
    title = f"{percent(pixels.share(BLACK))} of the pixels are black, {percent(pixels.share(WHITE))} are white"
    mean, deviation = moments(counts)
    note = (
        f"Bars of {BAR} grey levels; black, level {BLACK}, is not drawn. "
        f"Over all pixels the mean is {mean:.1f} and the standard deviation {deviation:.1f} of {WHITE}."
    )
    return Drawing(figure, title, f"Bars of pixels by grey level. {title}.", note)


@rc_context(STYLE)
def class_greys(pixels: PixelStatistics, classes: Sequence[str]) -> Drawing:
    """Mean and standard deviation of the grey levels of each class, and its share of black."""
    present = pixels.present
    names = [classes[label] for label in present]
    found = np.array([moments(pixels.histogram[label]) for label in present])
    black = [pixels.histogram[label, BLACK] / pixels.histogram[label].sum() for label in present]
    figure = canvas(0.75 + ROW * len(present))
    panels = figure.subplots(1, 3, sharey=True)
    headings = {"mean grey": found[:, 0], "deviation": found[:, 1], "black": np.array(black)}
    for axes, (heading, values) in zip(panels, headings.items(), strict=True):
        axes.barh(range(len(present)), values, height=0.62, color=FIRST)
        axes.grid(visible=True, axis="x")
        axes.set_title(heading)
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        class_axis(axes, names)
    panels[2].xaxis.set_major_formatter(lambda share, _: percent(share, 0))
    most, least = int(found[:, 0].argmax()), int(found[:, 0].argmin())
    title = (
        f"{names[most]} holds the most ink, a mean grey level of {found[most, 0]:.0f}; "
        f"{names[least]} the least, {found[least, 0]:.0f}"
    )
    note = f"Over all pixels of a class: mean and standard deviation in grey levels of {WHITE}, and the share of black."
    return Drawing(figure, title, f"Bars a class: mean, standard deviation, share of black. {title}.", note)


def ink(pixels: PixelStatistics) -> Drawing:
    """Where in the frame the ink lies: the average over all images, and how much each pixel varies."""
    mean, deviation = pixels.mean_image, pixels.deviation_image
    largest = float(deviation.max()) or 1.0
    tiles = [Tile(mean / WHITE, "average"), Tile(deviation / largest, "standard deviation")]
    inside, rim = _share_inside(mean), 1 - _share_inside(mean, margin=1)
    title = f"The middle quarter of the frame holds {percent(inside, 0)} of the ink"
    still = f"{pixels.constant or 'None'} of the {mean.size:,} pixels {'has' if pixels.constant <= 1 else 'have'}"
    note = (
        f"Over all images. The outermost pixels hold {percent(rim)} of the ink. {still} one grey level in all "
        f"images. Right: full ink is {largest:.0f} of {WHITE} grey levels."
    )
    return Drawing(
        gallery(tiles, 2), title, f"Two pictures: the average image, and where images differ. {title}.", note
    )


def _share_inside(image: Doubles, margin: int | None = None) -> float:
    """Share of the sum of (H, W) ``image`` that lies inside ``margin`` pixels, or inside half its height and width."""
    height, width = image.shape
    down, right = (margin, margin) if margin is not None else (round(height / 4), round(width / 4))
    total = float(image.sum()) or 1.0
    return float(image[down : height - down, right : width - right].sum()) / total
