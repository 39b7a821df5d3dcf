"""Correlations between dimensions. numpy only.

Legend: N images, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array


MIN_RELATIVE_VARIANCE = 1e-12
"""A dimension with less variance, as a fraction of the largest one, is constant. A pixel that differs by one gray
level in one of a million images has 1e-10; the rounding of a covariance computed from components is some 1e-14."""


def correlations(covariance: Float64Array) -> Float64Array:
    """Pearson's r of every pair of dimensions, from their (D, D) ``covariance``.

    Returns:
        (D, D) float64, -1 to 1 with ones on the diagonal; NaN in the row and column of a constant dimension.
    """
    variances = np.diag(covariance)
    scale = np.sqrt(np.where(variances > MIN_RELATIVE_VARIANCE * variances.max(), variances, np.nan))
    r = (covariance / np.outer(scale, scale)).clip(-1, 1)
    np.fill_diagonal(r, np.where(np.isnan(scale), np.nan, 1.0))
    return np.asarray(r)


def feature_correlations(features: npt.NDArray[np.floating]) -> Float64Array:
    """The same from (N, D) ``features``; N is 2 or more."""
    return correlations(np.atleast_2d(np.cov(features, rowvar=False, dtype=np.float64)))


def mean_abs_correlation(correlation: Float64Array) -> float:
    """Mean ``|r|`` of all pairs of dimensions of (D, D) ``correlation`` that are not constant; 0 without a pair."""
    varying = int((~np.isnan(np.diag(correlation))).sum())
    pairs = varying * (varying - 1)
    return float((np.nansum(np.abs(correlation)) - varying) / pairs) if pairs else 0.0
