"""What a model is asked to look at, and that its answers are averaged as probabilities, by weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.synthetic import draw_garments
from clothier.inference.tta import augmented_views, predict_tta
from clothier.recipes import Augment
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from clothier.types import Images

IMAGES = draw_garments(4, seed=0).images


class Corner:
    """Looks up the first pixel of a picture in a table of probabilities."""

    name, classes, input_spec = "corner", ("Bag", "Coat"), InputSpec()

    def __init__(self, *probabilities: tuple[float, float]) -> None:
        self.logits = np.log(np.array(probabilities)).astype(np.float32)
        self.calls = 0

    def run(self, images: Images) -> ModelOutput:
        self.calls += 1
        logits = self.logits[images[:, 0, 0]]
        return ModelOutput(logits, logits)


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
    seen = list(augmented_views(IMAGES, augment))
    assert [weight for weight, _ in seen] == weights
    assert seen[0][1] is IMAGES
    assert all(view.shape == IMAGES.shape and view.dtype == np.uint8 for _, view in seen)


def test_pictures_are_moved_by_one_pixel_and_mirrored_left_to_right() -> None:
    _, mirrored, up, up_mirrored, down, _ = (view for _, view in augmented_views(IMAGES, Augment(shift=1, flip=True)))
    np.testing.assert_array_equal(mirrored, np.flip(IMAGES, axis=2))
    np.testing.assert_array_equal(up[:, :-1, :-1], IMAGES[:, 1:, 1:])
    np.testing.assert_array_equal(up_mirrored, np.flip(up, axis=2))
    np.testing.assert_array_equal(down[:, 1:, 1:], IMAGES[:, :-1, :-1])
    assert not up[:, -1].any()
    assert not down[:, :, 0].any()


def test_probabilities_are_averaged_not_logits() -> None:
    pictures = np.zeros((1, 28, 28), np.uint8)
    pictures[0, 0, -1] = 1
    answer = predict_tta(Corner((0.99, 0.01), (0.2, 0.8)), pictures, Augment(flip=True))
    np.testing.assert_allclose(answer, [[0.595, 0.405]], rtol=1e-6)


def test_the_unchanged_image_counts_double() -> None:
    pictures = np.zeros((1, 28, 28), np.uint8)
    pictures[0, 0, 0], pictures[0, 1, 1] = 0, 1  # the corner is 1 once the picture is moved up and left
    answer = predict_tta(Corner((0.6, 0.4), (0.2, 0.8)), pictures, Augment(shift=1))
    np.testing.assert_allclose(answer, [[0.5, 0.5]], rtol=1e-6)  # (2 * 0.6 + 0.2 + 0.6) / 4


def test_known_logits_are_not_computed_again() -> None:
    classifier = Corner((0.6, 0.4))
    logits = classifier.run(np.zeros_like(IMAGES)).logits
    predict_tta(classifier, np.zeros_like(IMAGES), Augment(flip=True), logits)
    assert classifier.calls == 2
