"""Pixel statistics against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.exploration.pixels import describe_pixels, histogram_mean_std


def random_images(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of 4x3 pixels, a third of them black, in the classes 0, 1 and 3 of four."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (n, 4, 3), dtype=np.uint8) * (generator.random((n, 4, 3)) > 1 / 3)
    images[:, 0, 0] = 7
    return images.astype(np.uint8), np.array([0, 1, 3])[np.arange(n) % 3]


def test_every_pixel_is_counted() -> None:
    images, labels = random_images()
    found = describe_pixels(images, labels, 4)
    for label in range(4):
        of_class = images[labels == label]
        assert found.histogram[label].tolist() == [int((of_class == level).sum()) for level in range(256)]
    assert found.class_counts.tolist() == [20, 20, 0, 20]
    assert found.present_classes == [0, 1, 3]
    assert found.fraction_at(0) == pytest.approx((images == 0).mean())
    assert found.constant_pixels == 1


def test_means_and_deviations_are_numpys() -> None:
    images, labels = random_images()
    found = describe_pixels(images, labels, 4)
    for label in found.present_classes:
        of_class = images[labels == label].astype(float)
        assert found.class_mean_images[label] == pytest.approx(of_class.mean(axis=0))
        assert found.class_std_images[label] == pytest.approx(of_class.std(axis=0))
        assert histogram_mean_std(found.histogram[label]) == pytest.approx((of_class.mean(), of_class.std()))
    assert found.mean_image == pytest.approx(images.astype(float).mean(axis=0))
    assert found.std_image == pytest.approx(images.astype(float).std(axis=0))


def test_json_names_the_classes_that_have_images() -> None:
    images, labels = random_images()
    content = describe_pixels(images, labels, 4).to_json(("Coat", "Bag", "Ghost", "Shirt"))
    assert content["n"] == 60
    assert content["mean"] == pytest.approx(images.mean())
    assert content["standard_deviation"] == pytest.approx(images.astype(float).std())
    assert [one["class"] for one in content["per_class"]] == ["Coat", "Bag", "Shirt"]
    assert content["per_class"][1]["black_fraction"] == pytest.approx((images[labels == 1] == 0).mean())
    assert sum(content["histogram"]) == images.size
    assert content["white_fraction"] == pytest.approx((images == 255).mean())


def test_a_million_white_pixels_do_not_cancel() -> None:
    images = np.full((400, 50, 50), 255, np.uint8)
    images[0, 0, 0] = 254
    mean, deviation = histogram_mean_std(describe_pixels(images, np.zeros(400, int), 1).histogram[0])
    assert mean == pytest.approx(255 - 1e-6)
    assert deviation == pytest.approx(images.astype(float).std(), rel=1e-9)
