"""Principal component analysis, exact, through the covariance matrix. numpy and scipy.

Legend: N images, H, W, P = H * W pixels, k components kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.linalg import eigh

from clothier.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.types import Floats, Images

    Doubles = npt.NDArray[np.float64]

WHITE = 255  # the brightest grey level of a uint8 pixel; components see pixels as 0 to 1

# Grey levels less 128 have products of 2^14 at most, and 1024 of those sum to at most 2^24: float32 arithmetic on them
# is exact, in any order. Taken as they are, 0 to 255, only 256 rows would be, and four times as many sums in float64.
PIXEL_OFFSET = 128
EXACT_ROWS = 1024
CHUNK_SIZE = 4096
RATIO_TOLERANCE = 1e-9  # shares that differ by less are the same: all components together may sum to a hair below 1
PARTIAL_EIGH_FRACTION = (
    1 / 8
)  # part of the components up to which finding them alone is quicker: half the time for 50 of 784
CONSTANT_VARIANCE_RATIO = (
    1e-24  # variance, as a part of the squared mean, that is left of constant floats by rounding alone
)


@dataclass(frozen=True, slots=True, eq=False)
class PCA:
    """Principal components of a set of images, with pixels scaled to 0 to 1.

    Attributes:
        mean: (P,) float64, the average image.
        components: (k, P) float64, orthonormal rows; the largest pixel of each is positive.
        explained_variance: (k,) float64, falling; of the projections, with N - 1 below.
        total_variance: of all the pixels, so that shares are of the whole.
    """

    mean: Doubles
    components: Doubles
    explained_variance: Doubles
    total_variance: float

    @property
    def cumulative_ratio(self) -> Doubles:
        """(k,) float64, the share of the total variance that the first 1, 2, ... k components keep."""
        return np.cumsum(self.explained_variance / self.total_variance)

    @property
    def covariance(self) -> Doubles:
        """(P, P) float64, of the pixels, as far as the components kept explain it: wholly, where all were kept."""
        return np.asarray((self.components.T * self.explained_variance) @ self.components)

    @property
    def rank(self) -> int:
        """How many of the components vary at all; the others only fill the frame."""
        return int((self.explained_variance > RATIO_TOLERANCE * self.total_variance).sum())

    def reconstruction_errors(self, n_images: int) -> Doubles:
        """What is lost of the ``n_images`` images that were fitted, by the number of components that they are rebuilt from.

        Returns:
            (k + 1,) float64, falling: root mean square error of a pixel, in parts of white, for 0, 1, ... k components.
        """
        lost = self.total_variance - np.concatenate([[0.0], np.cumsum(self.explained_variance)])
        return np.asarray(np.sqrt(np.maximum(lost, 0.0) * (n_images - 1) / n_images / self.components.shape[1]))

    def n_components_for(self, variance_ratio: float) -> int:
        """The fewest components that explain more than ``variance_ratio`` of the variance, 0 to 1 exclusive.

        Raises:
            UsageError: a share outside 0 to 1, or more than the components kept explain.
        """
        _check_variance_ratio(variance_ratio)
        kept, explained = len(self.components), self.cumulative_ratio
        if variance_ratio > explained[-1] and explained[-1] < 1 - RATIO_TOLERANCE:
            raise UsageError(
                f"the {kept} components kept explain {explained[-1]:.1%} of the variance, and {variance_ratio:.1%} was asked "
                "for. Fit with more components."
            )
        return min(int(np.searchsorted(explained, variance_ratio, side="right")) + 1, kept)

    def truncate(self, n_components: int) -> PCA:
        """The same analysis with its first ``n_components`` components only."""
        return PCA(
            self.mean, self.components[:n_components], self.explained_variance[:n_components], self.total_variance
        )

    def transform(self, images: npt.NDArray[np.generic]) -> Floats:
        """Coordinates of ``images``, (N, H, W) uint8 or (N, P) floats of 0 to 1: (N, k) float32."""
        features = np.empty((len(images), len(self.components)), dtype=np.float32)
        for start in range(0, len(images), CHUNK_SIZE):
            rows = slice(start, start + CHUNK_SIZE)
            features[rows] = (_to_float(images[rows]) - self.mean) @ self.components.T
        return features

    def inverse_transform(self, features: npt.NDArray[np.floating]) -> Floats:
        """Images from (N, r) ``features``, r up to k, by the first r components: (N, P) float32, about 0 to 1."""
        rank = features.shape[1]
        return np.asarray(features @ self.components[:rank] + self.mean, dtype=np.float32)


def fit_pca(images: npt.NDArray[np.generic], n_components: int | float | None = None) -> PCA:
    """Fits a PCA: the same figures as a full singular value decomposition, in the memory of P x P numbers.

    The sum of products of uint8 pixels is taken in whole numbers, so the covariance is exact and the same on any
    number of threads.

    Args:
        images: (N, H, W) uint8, or (N, P) floats that are taken as they are.
        n_components: how many to keep; a share of the variance between 0 and 1 keeps as many as explain it (the
            rule of scikit-learn's ``n_components=0.95``); None keeps all min(N, P).

    Raises:
        DataError: constant pixels, NaN, or fewer images than components.
        UsageError: components that are neither a share between 0 and 1 nor a whole number from 1.
    """
    _check_n_components(n_components)
    n, p = len(images), int(np.prod(images.shape[1:]))
    if n_components is not None and n_components > min(n, p):
        raise DataError(
            f"{n_components} components were asked for, and {n} images of {p} pixels have {min(n, p)} at most. "
            "Ask for fewer components or give more images."
        )
    if n < 2:
        raise DataError(f"a PCA compares images, and got {n}. Give two or more.")
    mean, covariance = _mean_and_covariance(images)
    total = float(np.trace(covariance))
    if total <= CONSTANT_VARIANCE_RATIO * float(mean @ mean):
        raise DataError(f"all {n} images are the same: pixels that never change have no components. Check the data.")
    few = isinstance(n_components, int) and n_components <= PARTIAL_EIGH_FRACTION * p
    found = _decompose(mean, covariance, total, n_components if few else None).truncate(min(n, p))
    if isinstance(n_components, float):
        return found.truncate(found.n_components_for(n_components))
    return found if n_components is None else found.truncate(n_components)


def _decompose(mean: Doubles, covariance: Doubles, total_variance: float, n_components: int | float | None) -> PCA:
    """All components, or ``n_components`` the first so many."""
    if n_components is None:
        variances, vectors = np.linalg.eigh(covariance)
    else:
        wanted = (len(mean) - int(n_components), len(mean) - 1)  # they come with rising variance
        variances, vectors = eigh(covariance, subset_by_index=wanted, driver="evr", check_finite=False)
    rows = np.ascontiguousarray(vectors.T[::-1])
    # An eigenvector may point either way. Like scikit-learn's svd_flip: its largest entry is positive.
    largest = np.abs(rows).argmax(axis=1)
    rows *= np.sign(rows[np.arange(len(rows)), largest])[:, np.newaxis]
    return PCA(mean, rows, np.maximum(variances[::-1], 0.0), total_variance)


def _mean_and_covariance(images: npt.NDArray[np.generic]) -> tuple[Doubles, Doubles]:
    """Mean (P,) and covariance (P, P) of the pixels, scaled to 0 to 1."""
    if images.dtype == np.uint8:
        return _exact_mean_and_covariance(cast("Images", images))
    rows = np.asarray(images.reshape(len(images), -1), dtype=np.float64)
    if not np.isfinite(rows).all():
        raise DataError("the images hold NaN or infinity. Repair or remove those pixels before a PCA.")
    mean = rows.mean(axis=0)
    centred = rows - mean
    return mean, centred.T @ centred / (len(rows) - 1)


def _exact_mean_and_covariance(images: Images) -> tuple[Doubles, Doubles]:
    n, p = len(images), int(np.prod(images.shape[1:]))
    sums, products = np.zeros(p), np.zeros((p, p))
    ones, of_chunk = np.ones(EXACT_ROWS, np.float32), np.empty((p, p), np.float32)
    for chunk in _chunks(images.reshape(n, p)):
        sums += ones[: len(chunk)] @ chunk
        products += np.matmul(chunk.T, chunk, out=of_chunk)
    # n * products and the outer product of sums are whole numbers below 2^53 up to 740,000 images: no cancellation.
    covariance = (n * products - np.outer(sums, sums)) / (n * (n - 1) * WHITE**2)
    return (sums + n * PIXEL_OFFSET) / (n * WHITE), covariance


def _chunks(rows: Images) -> Iterator[Floats]:
    """Pixels less MIDDLE, -128 to 127, EXACT_ROWS rows at a time; each chunk lies where the last one did."""
    floats = np.empty((EXACT_ROWS, rows.shape[1]), np.float32)
    for start in range(0, len(rows), EXACT_ROWS):
        chunk = rows[start : start + EXACT_ROWS]
        # Flipping the highest bit of a byte and reading it as signed takes 128 off it.
        np.copyto(floats[: len(chunk)], np.bitwise_xor(chunk, np.uint8(PIXEL_OFFSET)).view(np.int8))
        yield floats[: len(chunk)]


def _to_float(images: npt.NDArray[np.generic]) -> Doubles:
    flat = images.reshape(len(images), -1).astype(np.float64)
    return flat / WHITE if images.dtype == np.uint8 else flat


def _check_n_components(n_components: int | float | None) -> None:
    if isinstance(n_components, float):
        _check_variance_ratio(n_components)
    elif n_components is not None and n_components < 1:
        raise UsageError(f"{n_components} components cannot be kept; ask for 1 or more, or for a share such as 0.95.")


def _check_variance_ratio(variance_ratio: float) -> None:
    if not 0 < variance_ratio < 1:
        raise UsageError(
            f"{variance_ratio} is not a share of the variance; give a number between 0 and 1, such as 0.95."
        )
