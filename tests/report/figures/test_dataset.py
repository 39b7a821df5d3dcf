"""Figures of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.pixels import PixelStatistics, describe_pixels
from clothier.report.figures import dataset
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import captions, label_coded_images, plain, touching_texts

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


def test_every_sample_has_its_own_label(labeled: LabeledImages) -> None:
    shown = captions(dataset.sample_grid(labeled, FASHION_MNIST_CLASSES).figure)
    assert len(shown) == 30
    for first, (image, lines), last in (shown[start : start + 3] for start in range(0, 30, 3)):
        assert (first[1], last[1]) == ([""], [""]), "the middle one has the label of the three"
        for one in (first[0], image, last[0]):
            assert lines[0] == FASHION_MNIST_CLASSES[one[0, 0] // 20]
            place = int(np.flatnonzero((labeled.images == one).all(axis=(1, 2)))[0])
            assert lines[0] == FASHION_MNIST_CLASSES[labeled.labels[place]]


def test_a_sample_depends_on_its_seed_alone(labeled: LabeledImages) -> None:
    first, again, other = (
        captions(dataset.sample_grid(labeled, FASHION_MNIST_CLASSES, seed=s).figure) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_names_with_dollars_and_angles_are_names(labeled: LabeledImages) -> None:
    names = tuple(f"<{k}> $5 & $6 shirt" for k in range(10))
    captioned = dataset.sample_grid(labeled, names, n_samples=10)
    captioned.figure.draw_without_rendering()
    assert captions(captioned.figure)[0][1][0] == "<0> $5 & $6…"


def test_class_counts_draw_every_split() -> None:
    splits = {"train": np.array([0, 0, 0, 1, 1, 2]), "test": np.array([0, 1, 2])}
    captioned = dataset.class_counts(splits, ("Coat", "Bag", "Shirt"))
    widths = [[bar.get_width() for bar in axes.patches] for axes in captioned.figure.axes]
    assert widths == [[3, 2, 1], [1, 1, 1]]
    assert captioned.title == "In train, Coat has 3 images and Shirt only 1"


def test_counts_of_thousands_do_not_touch() -> None:
    splits = {"train": np.arange(55_000) % 10, "validation": np.arange(5_000) % 10, "test": np.arange(10_000) % 10}
    captioned = dataset.class_counts(splits, FASHION_MNIST_CLASSES)
    assert touching_texts(captioned.figure) == []
    ticks = [[tick for tick in axes.get_xticks() if tick <= axes.get_xlim()[1]] for axes in captioned.figure.axes]
    assert ticks == [[0, 3000], [0, 300], [0, 600]]


def test_balanced_classes() -> None:
    captioned = dataset.class_counts({"train": np.arange(6) % 2, "test": np.arange(2)}, ("Coat", "Bag"))
    assert captioned.title == "Classes are balanced: 3 train, 1 test images each"


def test_mean_images_and_the_most_similar_pair() -> None:
    images = np.zeros((6, 2, 2), np.uint8)
    images[0:2], images[2:4], images[4:6] = [[[10]], [[30]]], [[[200]], [[200]]], 60
    found = describe_pixels(images, np.array([0, 0, 1, 1, 2, 2]), 4)
    captioned = dataset.mean_images(found, ("Coat", "Bag", "Shirt", "Ghost"))
    shown = captions(captioned.figure)
    assert [(int(image[0, 0]), lines[0]) for image, lines in shown] == [(20, "Coat"), (200, "Bag"), (60, "Shirt")]
    assert captioned.title == "Coat and Shirt have the most similar mean images"


def test_one_class_alone_has_a_mean_image() -> None:
    some = label_coded_images(np.zeros(3, int))
    found = describe_pixels(some.images, some.labels, 2)
    assert dataset.mean_images(found, ("Coat", "Bag")).title == "The mean image"
    assert dataset.std_images(found, ("Coat", "Bag")).title == "Where the pixels vary"


def test_std_images_and_the_classes_that_vary_most_and_least(
    labeled: LabeledImages, pixel_statistics: PixelStatistics
) -> None:
    captioned = dataset.std_images(pixel_statistics, FASHION_MNIST_CLASSES)
    opacity = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    expected = [labeled.images[labeled.labels == label].std(axis=0) for label in range(10)]
    largest = max(each.max() for each in expected)
    assert opacity == [pytest.approx(each / largest) for each in expected]
    typical = [np.sqrt((each**2).mean()) for each in expected]
    most, least = FASHION_MNIST_CLASSES[int(np.argmax(typical))], FASHION_MNIST_CLASSES[int(np.argmin(typical))]
    assert captioned.title == f"{most} varies most from image to image, {least} least"


def test_the_histogram_is_of_all_levels_but_black(labeled: LabeledImages, pixel_statistics: PixelStatistics) -> None:
    captioned = dataset.gray_level_histogram(pixel_statistics)
    heights = [bar.get_height() for bar in captioned.figure.axes[0].patches]
    assert heights[0] == pytest.approx(((labeled.images >= 1) & (labeled.images <= 5)).mean())
    assert heights[-1] == pytest.approx((labeled.images >= 251).mean())
    black, white = (100 * (labeled.images == level).mean() for level in (0, 255))
    assert sum(heights) == pytest.approx(1 - black / 100)
    expected = f"{black:.1f} % of the pixels are empty (level 0), {white:.1f} % have the highest level"
    assert plain(captioned.title) == expected


def test_gray_levels_per_class(labeled: LabeledImages, pixel_statistics: PixelStatistics) -> None:
    captioned = dataset.class_gray_levels(pixel_statistics, FASHION_MNIST_CLASSES)
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
    captioned = dataset.mean_and_std_image(describe_pixels(images, np.zeros(3, int), 1))
    assert plain(captioned.title) == "The central quarter of the image holds 75 % of the brightness"
    assert "The border pixels hold 25.0 % of the brightness." in plain(captioned.note)
    assert "64 of the 64 pixels have one gray level in all images" in captioned.note
