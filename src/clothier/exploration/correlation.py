"""How dimensions depend on each other. numpy only.

Legend: N images, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

# Variance, as a part of the largest one, of what varies by rounding alone. A pixel that differs by one grey level in
# one of a million images has 1e-10; a covariance that is put together from components is rounded by some 1e-14.
MIN_RELATIVE_VARIANCE = 1e-12


def correlations(covariance: Doubles) -> Doubles:
    """Pearson's r of every pair of dimensions, from their (D, D) ``covariance``.

    Returns:
        (D, D) float64, -1 to 1 with ones on the diagonal; NaN in row and column of a dimension that never changes,
        for which r is not defined.
    """
    variances = np.diag(covariance)
    scale = np.sqrt(np.where(variances > MIN_RELATIVE_VARIANCE * variances.max(), variances, np.nan))
    found = (covariance / np.outer(scale, scale)).clip(-1, 1)
    np.fill_diagonal(found, np.where(np.isnan(scale), np.nan, 1.0))
    return np.asarray(found)


def feature_correlations(features: npt.NDArray[np.floating]) -> Doubles:
    """The same of (N, D) ``features``, N of 2 or more."""
    return correlations(np.atleast_2d(np.cov(features, rowvar=False, dtype=np.float64)))


def mean_abs_correlation(correlation: Doubles) -> float:
    """Mean of ``|r|`` over all pairs of different dimensions of (D, D) ``correlation`` that vary; 0 where there is no pair."""
    varying = int((~np.isnan(np.diag(correlation))).sum())
    pairs = varying * (varying - 1)
    return float((np.nansum(np.abs(correlation)) - varying) / pairs) if pairs else 0.0
