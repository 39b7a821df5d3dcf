"""The spaces in which photos are compared: whitened principal components of a network's features.

Legend: N photos, F features, P principal components, R reference photos.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array, Floats, Int64Array

N_NEIGHBORS = 5
MIN_VARIANCE = 1e-8  # of a principal component; less is rounding
CHUNK = 512  # photos compared with the reference at a time


def whiten(values: npt.ArrayLike, n_components: int) -> tuple[Floats, Floats]:
    """Mean (F,) and (P, F) projection of square roots of (N, F) values to whitened principal components."""
    roots = _roots(values)
    mean, std = roots.mean(axis=0), roots.std(axis=0) + 1e-6
    covariance = np.cov((roots - mean) / std, rowvar=False)
    variances, vectors = np.linalg.eigh(covariance)
    largest = np.argsort(-variances, kind="stable")[: min(n_components, len(roots) - 1)]
    largest = largest[variances[largest] > MIN_VARIANCE]
    rows = vectors[:, largest].T
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])  # the same on every computer
    projection = rows * (signs / np.sqrt(variances[largest]))[:, None] / std
    return mean.astype(np.float32), projection.astype(np.float32)


def project_features(values: npt.ArrayLike, mean: Floats, projection: Floats) -> Floats:
    """(N, P) float32: the square roots of (N, F) values in the space of :func:`whiten`."""
    return np.asarray((_roots(values) - mean) @ projection.T, np.float32)


def _roots(values: npt.ArrayLike) -> Floats:
    """Activations are skewed; their square roots are less so."""
    return np.sqrt(np.abs(np.asarray(values, np.float32)))


def knn_distances(
    queries: Floats, reference: Floats, groups: Int64Array | None = None, reference_groups: Int64Array | None = None
) -> Float64Array:
    """(N,) root mean square distances to the nearest reference photos; of other groups, where groups are given."""
    distances, lengths = np.empty(len(queries)), (reference**2).sum(axis=1)
    for start in range(0, len(queries), CHUNK):
        part = queries[start : start + CHUNK]
        squares = (part**2).sum(axis=1)[:, None] + lengths - 2 * part @ reference.T
        if groups is not None and reference_groups is not None:
            squares[_same_group(groups[start : start + CHUNK], reference_groups)] = np.inf
        nearest = np.partition(squares, N_NEIGHBORS - 1, axis=1)[:, :N_NEIGHBORS]
        distances[start : start + CHUNK] = np.sqrt(np.maximum(nearest.mean(axis=1), 0.0))
    return distances


def _same_group(groups: Int64Array, others: Int64Array) -> BoolArray:
    return np.asarray(groups[:, None] == others)
