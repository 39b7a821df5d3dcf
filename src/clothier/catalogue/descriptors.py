"""What is compared of two photos: the model's embedding, for the garment's shape, and its colors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photos.histogram import N_BINS, color_histograms

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Images

COLOR_WEIGHT = 0.2  # of the colors in a cosine; docs/log.md has others


def describe(embeddings: Floats, images: Images) -> Floats:
    """(N, E) float32: the model's embeddings of N images, and their color histograms beside them.

    A store keeps this, so that another weight needs no photo.
    """
    return np.concatenate([embeddings, color_histograms(images)], axis=1)


def weigh(descriptors: Floats) -> Floats:
    """(N, E) of :func:`describe` to (N, E) of length 1: its cosines are weighted means of those of both parts."""
    embeddings, colors = descriptors[:, :-N_BINS], descriptors[:, -N_BINS:]
    parts = (1 - COLOR_WEIGHT) ** 0.5 * to_unit_length(embeddings), COLOR_WEIGHT**0.5 * to_unit_length(colors)
    return np.concatenate(parts, axis=1)


def to_unit_length(vectors: npt.NDArray[np.floating]) -> Floats:
    """(N, D) float32: each vector divided by its length; a vector of zeros stays."""
    unit: Floats = vectors.astype(np.float32)
    lengths = np.linalg.norm(unit, axis=1, keepdims=True)
    np.divide(unit, lengths, out=unit, where=lengths > 0)
    return unit
