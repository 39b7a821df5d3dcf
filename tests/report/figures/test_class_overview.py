"""Figures of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.pixels import PixelStatistics, describe_pixels
from clothier.report.figures import (
    class_overview,
)
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import captions, label_coded_images

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


def test_every_sample_has_its_own_label(labeled: LabeledImages) -> None:
    shown = captions(class_overview.sample_grid(labeled, FASHION_MNIST_CLASSES).figure)
    assert len(shown) == 30
    for image, lines in shown:
        assert lines[0] == FASHION_MNIST_CLASSES[image[0, 0] // 20]
        place = int(np.flatnonzero((labeled.images == image).all(axis=(1, 2)))[0])
        assert lines[0] == FASHION_MNIST_CLASSES[labeled.labels[place]]


def test_a_sample_depends_on_its_seed_alone(labeled: LabeledImages) -> None:
    first, again, other = (
        captions(class_overview.sample_grid(labeled, FASHION_MNIST_CLASSES, seed=s).figure) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_names_with_dollars_and_angles_are_names(labeled: LabeledImages) -> None:
    names = tuple(f"<{k}> $5 & $6 shirt" for k in range(10))
    captioned = class_overview.sample_grid(labeled, names, n_samples=10)
    captioned.figure.draw_without_rendering()
    assert captions(captioned.figure)[0][1][0] == "<0> $5 & $6…"


def test_class_counts_draw_every_split() -> None:
    splits = {"train": np.array([0, 0, 0, 1, 1, 2]), "test": np.array([0, 1, 2])}
    captioned = class_overview.class_counts(splits, ("Coat", "Bag", "Shirt"))
    widths = [[bar.get_width() for bar in axes.patches] for axes in captioned.figure.axes]
    assert widths == [[3, 2, 1], [1, 1, 1]]
    assert captioned.title == "In train, Coat has 3 images and Shirt only 1"


def test_balanced_classes() -> None:
    captioned = class_overview.class_counts({"train": np.arange(6) % 2, "test": np.arange(2)}, ("Coat", "Bag"))
    assert captioned.title == "Classes are balanced: 3 train, 1 test images each"


def test_mean_images_and_the_most_similar_pair() -> None:
    images = np.zeros((6, 2, 2), np.uint8)
    images[0:2], images[2:4], images[4:6] = [[[10]], [[30]]], [[[200]], [[200]]], 60
    found = describe_pixels(images, np.array([0, 0, 1, 1, 2, 2]), 4)
    captioned = class_overview.mean_images(found, ("Coat", "Bag", "Shirt", "Ghost"))
    shown = captions(captioned.figure)
    assert [(int(image[0, 0]), lines[0]) for image, lines in shown] == [(20, "Coat"), (200, "Bag"), (60, "Shirt")]
    assert captioned.title == "Coat and Shirt have the most similar mean images"


def test_one_class_alone_has_a_mean_image() -> None:
    some = label_coded_images(np.zeros(3, int))
    found = describe_pixels(some.images, some.labels, 2)
    assert class_overview.mean_images(found, ("Coat", "Bag")).title == "The mean image"
    assert class_overview.std_images(found, ("Coat", "Bag")).title == "Where the pixels vary"


def test_std_images_and_the_classes_that_vary_most_and_least(
    labeled: LabeledImages, pixel_statistics: PixelStatistics
) -> None:
    captioned = class_overview.std_images(pixel_statistics, FASHION_MNIST_CLASSES)
    opacity = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    expected = [labeled.images[labeled.labels == label].std(axis=0) for label in range(10)]
    largest = max(each.max() for each in expected)
    assert opacity == [pytest.approx(each / largest) for each in expected]
    typical = [np.sqrt((each**2).mean()) for each in expected]
    most, least = FASHION_MNIST_CLASSES[int(np.argmax(typical))], FASHION_MNIST_CLASSES[int(np.argmin(typical))]
    assert captioned.title == f"{most} varies most from image to image, {least} least"
