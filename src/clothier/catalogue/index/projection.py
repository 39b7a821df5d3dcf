"""From the descriptors of photos to the vectors of an index: principal components, at length 1.

Whitening the components finds more photos of the same product, but fewer of the same class (docs/log.md).

Legend: N images, E dimensions of a descriptor, D of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.catalogue.descriptors import to_unit_length, weigh

if TYPE_CHECKING:
    from clothier.types import Floats

DIMENSIONS = 256
MIN_PHOTOS = 1_000  # with fewer, the components would fit these photos only, so that descriptors are kept whole
SAMPLE = 20_000  # photos that the components are fitted on
MIN_VARIANCE = 1e-6  # of a component, relative to the largest; less is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A fitted projection.

    Attributes:
        mean: (E,) float32, of the weighted descriptors; zeros in a small index.
        components: (E, D) float32, orthonormal columns; the identity in a small index.
    """

    mean: Floats
    components: Floats

    def __call__(self, descriptors: Floats) -> Floats:
        """(N, E) descriptors to (N, D) float32 vectors of length 1; zeros for the mean, which is like nothing."""
        return to_unit_length((weigh(descriptors) - self.mean) @ self.components)


def fit_projection(descriptors: Floats) -> Projection:
    """Fits the components with the largest variance, at most :data:`DIMENSIONS` and at least one."""
    width = descriptors.shape[1]
    if len(descriptors) < MIN_PHOTOS:
        return Projection(np.zeros(width, np.float32), np.eye(width, dtype=np.float32))
    points = weigh(descriptors).astype(np.float64)
    mean = points.mean(axis=0)
    points -= mean
    variances, directions = np.linalg.eigh(points.T @ points)
    order = np.argsort(variances)[::-1][:DIMENSIONS]
    kept = order[variances[order] > MIN_VARIANCE * variances[order[0]]] if variances[order[0]] > 0 else order[:1]
    return Projection(mean.astype(np.float32), directions[:, kept].astype(np.float32))
