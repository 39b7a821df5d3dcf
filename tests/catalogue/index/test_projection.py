from __future__ import annotations

import numpy as np
import pytest

from clothier.catalogue.descriptors import weigh
from clothier.catalogue.index import projection
from clothier.catalogue.index.projection import DIMENSIONS, fit_projection

WIDTH = 200


def descriptors(n: int, width: int = WIDTH) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.random((n, 8), dtype=np.float32) @ generator.random((8, width), dtype=np.float32)) + 0.01


def test_few_photos_are_kept_whole() -> None:
    found = descriptors(5)
    assert fit_projection(found)(found) == pytest.approx(weigh(found), abs=1e-6)


def test_many_photos_lose_only_directions_without_variance() -> None:
    found = descriptors(projection.MIN_PHOTOS)
    fitted = fit_projection(found)
    vectors = fitted(found)
    assert vectors.shape[1] <= DIMENSIONS
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    points = weigh(found) - fitted.mean
    expected = points @ points.T / np.outer(*[np.linalg.norm(points, axis=1)] * 2)
    assert np.abs(vectors @ vectors.T - expected).max() < 1e-2


def test_equal_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MIN_PHOTOS", 2)
    found = np.repeat(descriptors(1), 3, axis=0)
    assert np.isfinite(fit_projection(found)(found)).all()
