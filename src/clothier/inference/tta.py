"""Test-time augmentation: a picture as it is, moved and mirrored, and the mean of what a model says to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.recipes import Augment
    from clothier.types import Classifier, Floats, Images

CENTER_WEIGHT = 2.0  # weight of the picture as it is, against 1 for each of the moved ones (airbench's multi-crop)
SHIFTS = (-1, 1)  # pixels, along both axes at once


def predict_tta(
    classifier: Classifier, images: Images, augment: Augment, logits: Floats | None = None
) -> npt.NDArray[np.float64]:
    """The weighted mean of a model's probabilities over the views that it was trained with.

    Args:
        classifier: the model.
        images: (N, H, W) uint8.
        augment: how the model's pictures were varied; where nothing moves or flips there is one view.
        logits: (N, K), what the model says to ``images`` as they are, if it has been asked already.

    Returns:
        (N, K) float64, rows sum to 1.
    """
    total, weights = np.zeros((len(images), len(classifier.classes))), 0.0
    for weight, view in augmented_views(images, augment):
        known = logits if view is images else None
        total += weight * softmax(classifier.run(view).logits if known is None else known)
        weights += weight
    mean: npt.NDArray[np.float64] = total / weights
    return mean


def augmented_views(images: Images, augment: Augment) -> Iterator[tuple[float, Images]]:
    """Weights and (N, H, W) uint8 views, ``images`` first: up to six, by what ``augment`` does."""
    moved = [(CENTER_WEIGHT, images), *((1.0, _translate(images, by)) for by in SHIFTS if augment.shift)]
    for weight, view in moved:
        yield weight, view
        if augment.flip:
            yield weight, np.ascontiguousarray(view[:, :, ::-1])


def _translate(images: Images, shift: int) -> Images:
    """Down and right by ``shift`` pixels, up and left where it is negative; black comes in at the border."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return np.ascontiguousarray(padded[:, 1 - shift : 1 - shift + height, 1 - shift : 1 - shift + width])
