"""Test-time augmentation: the mean prediction over an image and its shifted and flipped copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.recipes import Augment
    from clothier.types import Classifier, Float64Array, Floats, Images

CENTER_WEIGHT = 2.0  # weight of the unshifted image; each shifted one has weight 1 (multi-crop of airbench)
SHIFTS = (-1, 1)  # pixels, along both axes at once


def predict_tta(classifier: Classifier, images: Images, augment: Augment, logits: Floats | None = None) -> Float64Array:
    """The weighted mean of a model's probabilities over the augmented views of its training.

    Args:
        classifier: the model.
        images: (N, H, W) uint8.
        augment: the augmentation of the training; without shift and flip there is a single view.
        logits: (N, K) of the unchanged ``images``, if they are known already.

    Returns:
        (N, K) float64, rows sum to 1.
    """
    total, weights = np.zeros((len(images), len(classifier.classes))), 0.0
    for weight, view in augmented_views(images, augment):
        known = logits if view is images else None
        total += weight * softmax(classifier.run(view).logits if known is None else known)
        weights += weight
    mean: Float64Array = total / weights
    return mean


def augmented_views(images: Images, augment: Augment) -> Iterator[tuple[float, Images]]:
    """Weights and (N, H, W) uint8 views, the unchanged ``images`` first; up to six, depending on ``augment``."""
    shifted = [(CENTER_WEIGHT, images), *((1.0, _translate(images, by)) for by in SHIFTS if augment.shift)]
    for weight, view in shifted:
        yield weight, view
        if augment.flip:
            yield weight, np.ascontiguousarray(view[:, :, ::-1])


def _translate(images: Images, shift: int) -> Images:
    """Shifts down and right by ``shift`` pixels, up and left if negative; new pixels are black."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return np.ascontiguousarray(padded[:, 1 - shift : 1 - shift + height, 1 - shift : 1 - shift + width])
