"""Principal component analysis by scikit-learn, with pixels scaled to 0 to 1.

Legend: N images, H, W, P = H * W pixels, k components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn import decomposition

from clothier.errors import DataError, UsageError
from clothier.exploration.pixels import WHITE

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array, Floats


SOLVER = "covariance_eigh"  # scikit-learn's fastest for many more images than pixels (its User Guide, 2.5.1)
CHUNK_SIZE = 4096  # images that are transformed at a time
MAX_DIMENSIONS = 4096  # 64x64 pixels: the covariance takes 134 MB, its components half a minute; 200x200 took 13 GB
RATIO_TOLERANCE = 1e-9  # fractions of the variance that differ by less are equal: all of them may sum to just below 1


@dataclass(frozen=True, slots=True, eq=False)
class PCA:
    """Principal components of a set of images.

    Attributes:
        mean: (P,) float64, the average image.
        components: (k, P) float64, orthonormal rows; the largest entry of each is positive.
        explained_variance: (k,) float64, falling; with N - 1 in the denominator.
        total_variance: of all components, also those that were cut off.
    """

    mean: Float64Array
    components: Float64Array
    explained_variance: Float64Array
    total_variance: float

    @property
    def cumulative_ratio(self) -> Float64Array:
        """(k,) float64, the fraction of the variance that the first 1, 2, ... k components explain."""
        return np.cumsum(self.explained_variance / self.total_variance)

    @property
    def covariance(self) -> Float64Array:
        """(P, P) float64, of the pixels, as far as the k components explain it."""
        return np.asarray((self.components.T * self.explained_variance) @ self.components)

    @property
    def rank(self) -> int:
        """How many components have any variance."""
        return int((self.explained_variance > RATIO_TOLERANCE * self.total_variance).sum())

    def reconstruction_errors(self, n_images: int) -> Float64Array:
        """(k + 1,) root mean square errors of a pixel; white is 1.

        Of the ``n_images`` images that were fitted, by 0, 1, ... k components.
        """
        lost = self.total_variance - np.concatenate([[0.0], np.cumsum(self.explained_variance)])
        return np.asarray(np.sqrt(np.maximum(lost, 0.0) * (n_images - 1) / n_images / self.components.shape[1]))

    def n_components_for(self, variance_ratio: float) -> int:
        """The fewest components that explain more than ``variance_ratio`` of the variance.

        Raises:
            UsageError: a ratio that is not between 0 and 1, or more than the k components explain.
        """
        if not 0 < variance_ratio < 1:
            raise UsageError(
                f"{variance_ratio} is not a fraction of the variance; give a number between 0 and 1, such as 0.95."
            )
        k, explained = len(self.components), self.cumulative_ratio
        if variance_ratio > explained[-1] and explained[-1] < 1 - RATIO_TOLERANCE:
            raise UsageError(
                f"{k} components explain {explained[-1]:.1%} of the variance, less than the requested "
                f"{variance_ratio:.1%}. Fit with more components."
            )
        return min(int(np.searchsorted(explained, variance_ratio, side="right")) + 1, k)

    def truncate(self, n_components: int) -> PCA:
        """The first ``n_components`` components only."""
        return PCA(
            self.mean, self.components[:n_components], self.explained_variance[:n_components], self.total_variance
        )

    def transform(self, images: npt.NDArray[np.generic]) -> Floats:
        """Coordinates of ``images``, (N, H, W) uint8 or (N, P) floats of 0 to 1: (N, k) float32."""
        features = np.empty((len(images), len(self.components)), dtype=np.float32)
        for start in range(0, len(images), CHUNK_SIZE):
            rows = slice(start, start + CHUNK_SIZE)
            features[rows] = (_to_rows(images[rows]) - self.mean) @ self.components.T
        return features

    def inverse_transform(self, features: npt.NDArray[np.floating]) -> Floats:
        """Images from (N, r) ``features``, r up to k, by the first r components: (N, P) float32, about 0 to 1."""
        rank = features.shape[1]
        return np.asarray(features @ self.components[:rank] + self.mean, dtype=np.float32)


def fit_pca(images: npt.NDArray[np.generic], n_components: int | float | None = None) -> PCA:
    """Fits a PCA on (N, P) float64 numbers, which are in memory once.

    Args:
        images: (N, H, W) uint8, or (N, P) floats that are used as they are.
        n_components: how many to keep; a fraction of the variance between 0 and 1 keeps as many as explain it; None
            keeps all min(N, P).

    Raises:
        DataError: images that are all the same, too large or NaN, or fewer images than components.
        UsageError: neither a fraction between 0 and 1 nor a whole number from 1.
    """
    n, p = len(images), int(np.prod(images.shape[1:]))
    wanted = None if isinstance(n_components, float) else n_components
    if wanted is not None and wanted < 1:
        raise UsageError(f"{n_components} components were requested; give 1 or more, or a fraction such as 0.95.")
    if wanted is not None and wanted > min(n, p):
        raise DataError(
            f"{n_components} components were requested; {n} images of {p} pixels have {min(n, p)} at most. Request "
            "fewer components or give more images."
        )
    if p > MAX_DIMENSIONS:
        size = "x".join(map(str, images.shape[1:]))
        raise DataError(f"a PCA takes images of at most 64x64 pixels, and got {size}. Scale the images down.")
    if n < 2:
        raise DataError(f"a PCA needs two or more images, and got {n}. Give more images.")
    if (images == images[0]).all():
        raise DataError(f"all {n} images are the same: constant pixels have no principal components. Check the data.")
    rows = _to_rows(images)
    if images.dtype != np.uint8 and not np.isfinite(rows).all():
        raise DataError("the images hold NaN or infinity. Repair or remove them before a PCA.")
    mean = rows.mean(axis=0)
    rows -= mean  # scikit-learn subtracts the mean from the covariance instead, which loses digits
    fitted = decomposition.PCA(svd_solver=SOLVER, copy=False).fit(rows)
    pca = PCA(mean, fitted.components_, fitted.explained_variance_, float(fitted.explained_variance_.sum()))
    if isinstance(n_components, float):
        return pca.truncate(pca.n_components_for(n_components))
    return pca.truncate(wanted) if wanted else pca


def _to_rows(images: npt.NDArray[np.generic]) -> Float64Array:
    """(N, P) float64, always a copy."""
    rows = images.reshape(len(images), -1).astype(np.float64)
    if images.dtype == np.uint8:
        rows /= WHITE
    return rows
