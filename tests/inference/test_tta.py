"""Augmented views, and the weighted mean of the probabilities over them."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.inference.tta import augmented_views, predict_tta
from clothier.recipes import Augment
from tests.fakes import table_classifier
from tests.synthetic import draw_garments

IMAGES = draw_garments(4, seed=0).images


CLASSES = ("Bag", "Coat")


@pytest.mark.parametrize(
    ("augment", "weights"),
    [
        (Augment(), [2]),
        (Augment(cutout=4), [2]),
        (Augment(flip=True), [2, 2]),
        (Augment(shift=2), [2, 1, 1]),
        (Augment(shift=1, flip=True), [2, 2, 1, 1, 1, 1]),
    ],
)
def test_views_match_the_training_augmentation(augment: Augment, weights: list[float]) -> None:
    views = list(augmented_views(IMAGES, augment))
    assert [weight for weight, _ in views] == weights
    assert views[0][1] is IMAGES
    assert all(view.shape == IMAGES.shape and view.dtype == np.uint8 for _, view in views)


def test_images_are_shifted_by_one_pixel_and_flipped_left_to_right() -> None:
    _, flipped, up, up_flipped, down, _ = (view for _, view in augmented_views(IMAGES, Augment(shift=1, flip=True)))
    np.testing.assert_array_equal(flipped, np.flip(IMAGES, axis=2))
    np.testing.assert_array_equal(up[:, :-1, :-1], IMAGES[:, 1:, 1:])
    np.testing.assert_array_equal(up_flipped, np.flip(up, axis=2))
    np.testing.assert_array_equal(down[:, 1:, 1:], IMAGES[:, :-1, :-1])
    assert not up[:, -1].any()
    assert not down[:, :, 0].any()


def test_probabilities_are_averaged_not_logits() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, -1] = 1
    classifier = table_classifier([(0.99, 0.01), (0.2, 0.8)], CLASSES)
    np.testing.assert_allclose(predict_tta(classifier, image, Augment(flip=True)), [[0.595, 0.405]], rtol=1e-6)


def test_the_unchanged_image_counts_double() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 1, 1] = 1  # the corner, once the image is shifted up and left
    classifier = table_classifier([(0.6, 0.4), (0.2, 0.8)], CLASSES)
    np.testing.assert_allclose(
        predict_tta(classifier, image, Augment(shift=1)), [[0.5, 0.5]], rtol=1e-6
    )  # (2 * 0.6 + 0.2 + 0.6) / 4


def test_known_logits_are_not_computed_again() -> None:
    classifier = table_classifier([(0.6, 0.4)], CLASSES)
    logits = classifier.run(np.zeros_like(IMAGES)).logits
    predict_tta(classifier, np.zeros_like(IMAGES), Augment(flip=True), logits)
    assert len(classifier.batches) == 2
