"""Figures of gray levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.pixels import PixelStatistics, describe_pixels
from clothier.report.figures import (
    pixels,
)
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import plain

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


def test_the_histogram_is_of_all_levels_but_black(labeled: LabeledImages, pixel_statistics: PixelStatistics) -> None:
    captioned = pixels.gray_level_histogram(pixel_statistics)
    heights = [bar.get_height() for bar in captioned.figure.axes[0].patches]
    assert heights[0] == pytest.approx(((labeled.images >= 1) & (labeled.images <= 5)).mean())
    assert heights[-1] == pytest.approx((labeled.images >= 251).mean())
    black, white = (100 * (labeled.images == level).mean() for level in (0, 255))
    assert sum(heights) == pytest.approx(1 - black / 100)
    assert plain(captioned.title) == f"{black:.1f} % of the pixels are black, {white:.1f} % are white"


def test_gray_levels_per_class(labeled: LabeledImages, pixel_statistics: PixelStatistics) -> None:
    captioned = pixels.class_gray_levels(pixel_statistics, FASHION_MNIST_CLASSES)
    bars = [[bar.get_width() for bar in axes.patches] for axes in captioned.figure.axes]
    of_class = [labeled.images[labeled.labels == label].astype(float) for label in range(10)]
    assert bars[0] == pytest.approx([each.mean() for each in of_class])
    assert bars[1] == pytest.approx([each.std() for each in of_class])
    assert bars[2] == pytest.approx([(each == 0).mean() for each in of_class])
    most, least = (FASHION_MNIST_CLASSES[int(choose(bars[0]))] for choose in (np.argmax, np.argmin))
    assert captioned.title.startswith(f"{most} (mean ")
    assert f", {least} (mean " in captioned.title


def test_brightness_inside_the_central_quarter() -> None:
    images = np.zeros((3, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = 30  # 16 pixels, all of the middle quarter
    images[:, 0, :4] = 40  # 4 pixels, on the rim
    captioned = pixels.mean_and_std_image(describe_pixels(images, np.zeros(3, int), 1))
    assert plain(captioned.title) == "The central quarter of the image holds 75 % of the brightness"
    assert "The border pixels hold 25.0 % of the brightness." in plain(captioned.note)
    assert "64 of the 64 pixels have one gray level in all images" in captioned.note
