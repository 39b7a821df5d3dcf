"""Correlations against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.exploration.pca import fit_pca


def rows(n: int = 200, d: int = 6, seed: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) * np.geomspace(1, 1e-4, d)


def test_they_are_numpys() -> None:
    features = rows()
    expected = np.corrcoef(features, rowvar=False)
    assert feature_correlations(features) == pytest.approx(expected)
    assert correlations(np.cov(features, rowvar=False)) == pytest.approx(expected)
    others = expected[~np.eye(6, dtype=bool)]
    assert mean_abs_correlation(expected) == pytest.approx(np.abs(others).mean())


def test_a_constant_dimension_has_no_correlation() -> None:
    features = rows()
    features[:, 2] = 5.0
    found = feature_correlations(features)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    rest = np.delete(features, 2, axis=1)
    assert np.delete(np.delete(found, 2, 0), 2, 1) == pytest.approx(np.corrcoef(rest, rowvar=False))
    assert mean_abs_correlation(found) == pytest.approx(mean_abs_correlation(np.corrcoef(rest, rowvar=False)))


def test_a_single_dimension_has_no_pair() -> None:
    assert feature_correlations(rows(d=1)).tolist() == [[1.0]]
    assert mean_abs_correlation(np.ones((1, 1))) == 0.0


def test_principal_components_are_uncorrelated() -> None:
    images = (40 * rows(300, 16) / rows(300, 16).std(axis=0) + 128).clip(0, 255).astype(np.uint8).reshape(300, 4, 4)
    pca = fit_pca(images)
    before = correlations(pca.covariance)
    assert before == pytest.approx(np.corrcoef(images.reshape(300, -1), rowvar=False), abs=1e-9)
    assert mean_abs_correlation(before) > 0.1
    assert mean_abs_correlation(feature_correlations(pca.transform(images))) < 1e-5
