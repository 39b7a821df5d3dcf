"""Quality metrics against scikit-learn's, and on maps whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import manifold
from sklearn.neighbors import KNeighborsClassifier

from clothier.errors import DataError
from clothier.exploration.tsne.map_quality import map_quality, trustworthiness


def clusters(n: int = 600, classes: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, n)
    return (chance.normal(0, 4, (classes, 8))[labels] + chance.normal(0, 1, (n, 8))).astype(np.float32), labels


def test_trustworthiness_is_scikit_learns() -> None:
    features, _ = clusters()
    maps = (features[:, :2], np.random.default_rng(1).normal(size=(600, 2)).astype(np.float32))
    for positions in maps:
        for k in (5, 12):
            expected = manifold.trustworthiness(features, positions, n_neighbors=k)
            assert trustworthiness(positions, features, k) == pytest.approx(expected, abs=1e-12)


def test_knn_is_fitted_on_training_points_and_scored_on_the_others() -> None:
    features, labels = clusters()
    positions = features[:, :2]
    quality = map_quality(positions, features, labels, 400)
    for k, found in ((10, quality.knn10), (100, quality.knn100)):
        expected = KNeighborsClassifier(k).fit(positions[:400], labels[:400]).score(positions[400:], labels[400:])
        assert found == expected
    assert (quality.n, quality.trustworthiness_n) == (600, 600)


def test_a_random_map_is_worse_than_a_good_one() -> None:
    features, labels = clusters()
    good = map_quality(
        np.stack([labels, labels**2], axis=1).astype(np.float32) + features[:, :2] / 50, features, labels, 400
    )
    bad = map_quality(np.random.default_rng(1).normal(size=(600, 2)).astype(np.float32), features, labels, 400)
    assert good.knn10 is not None
    assert bad.knn10 is not None
    assert good.knn10 > 0.99
    assert bad.knn10 < 0.4
    assert bad.trustworthiness == pytest.approx(0.5, abs=0.05)


def test_nearly_as_many_classes_as_points_give_no_warning() -> None:
    features, _ = clusters(60)
    quality = map_quality(features[:, :2], features, np.arange(60) % 50, 50)  # scikit-learn's classifier warns
    assert quality.knn10 is not None
    assert quality.knn10 < 0.5


def test_too_few_points_give_none() -> None:
    features, labels = clusters(20)
    quality = map_quality(features[:, :2], features, labels, 15)
    assert quality.knn10 is not None
    assert quality.knn100 is None
    assert quality.trustworthiness is None
    assert quality.to_json()["knn100"] is None


def test_different_lengths_are_refused() -> None:
    features, labels = clusters(50)
    with pytest.raises(DataError, match="49 positions, 50 features, 50 labels"):
        map_quality(features[1:, :2], features, labels, 10)
    with pytest.raises(DataError, match="50 training points"):
        map_quality(features[:, :2], features, labels, 50)
