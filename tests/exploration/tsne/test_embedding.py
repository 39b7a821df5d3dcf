"""The map: as good as openTSNE's, reproducible, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from openTSNE import TSNE
from scipy.stats import spearmanr
from sklearn.neighbors import KNeighborsClassifier

from clothier.errors import DataError, UsageError
from clothier.exploration.tsne.attraction import joint_probabilities
from clothier.exploration.tsne.embedding import Phase, tsne
from clothier.exploration.tsne.map_quality import trustworthiness
from clothier.exploration.tsne.neighbors import knn

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SHORT = (Phase(60, 12), Phase(120, 1))


def clusters(n: int = 900, classes: int = 9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labeled points around separate centers."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, n)
    centers = np.random.default_rng(99).normal(0, 3, (classes, 10))
    return (centers[labels] + chance.normal(0, 1, (n, 10))).astype(np.float32), labels


def divergence(positions: np.ndarray, affinities: csr_array) -> float:
    """Kullback-Leibler divergence of a map, by all pairs."""
    apart = positions[:, None].astype(np.float64) - positions
    kernel = 1 / (1 + (apart**2).sum(axis=2))
    np.fill_diagonal(kernel, 0)
    links = affinities.tocoo()
    return float((links.data * np.log(links.data / (kernel[links.row, links.col] / kernel.sum()))).sum())


@pytest.fixture(scope="module")
def positions() -> np.ndarray:
    return tsne(clusters()[0], perplexity=20).positions


def test_a_map_is_as_good_as_opentsnes(positions: np.ndarray) -> None:
    features, _ = clusters()
    theirs = np.asarray(TSNE(perplexity=20, random_state=0, negative_gradient_method="bh").fit(features))
    long = tsne(features, perplexity=20, phases=(Phase(250, 12), Phase(500, 1))).positions
    affinities = joint_probabilities(knn(features, 60), 20)
    # two descents end in different minima; a map of noise has more than three times the divergence
    assert divergence(long, affinities) < 1.01 * divergence(theirs, affinities)
    assert divergence(positions, affinities) < 1.02 * divergence(theirs, affinities)
    assert trustworthiness(positions, features) > trustworthiness(theirs.astype(np.float32), features) - 0.002


def test_separate_classes_stay_separate(positions: np.ndarray) -> None:
    labels = clusters()[1]
    assert KNeighborsClassifier(10).fit(positions[:600], labels[:600]).score(positions[600:], labels[600:]) > 0.98


def test_the_large_scale_shape_is_that_of_the_principal_components() -> None:
    # three groups on a line stay in their order
    chance = np.random.default_rng(0)
    features = chance.normal(0, 0.5, (300, 5)).astype(np.float32)
    features[:, 2] += np.repeat([0, 10, 20], 100)
    middles = tsne(features, perplexity=10, phases=SHORT).positions.reshape(3, 100, 2).mean(axis=1)
    ends, inner = np.linalg.norm(middles[2] - middles[0]), np.linalg.norm(middles[1] - middles[[0, 2]], axis=1)
    assert ends > inner.max()


def test_the_same_seed_gives_the_same_map_with_any_number_of_threads() -> None:
    features, _ = clusters(400)
    one, two = (tsne(features, perplexity=15, seed=3, phases=SHORT, threads=threads) for threads in (1, 3))
    assert np.array_equal(one.positions, two.positions)
    other = tsne(features, perplexity=15, seed=4, phases=SHORT)
    assert not np.array_equal(one.positions, other.positions)


def test_equal_points_lie_together() -> None:
    features, _ = clusters(200)
    positions = tsne(np.repeat(features, 2, axis=0), perplexity=10, phases=SHORT).positions
    assert np.isfinite(positions).all()
    distances = np.linalg.norm(positions[::2] - positions[1::2], axis=1)
    assert np.median(distances) < np.ptp(positions, axis=0).max() / 100


def test_new_points_are_placed_near_their_class_and_the_map_does_not_change() -> None:
    features, labels = clusters(1200)
    embedding = tsne(features[:900], perplexity=20)
    before = embedding.positions.copy()
    placed = embedding.transform(features[900:])
    classifier = KNeighborsClassifier(10).fit(embedding.positions, labels[:900])
    assert classifier.score(placed, labels[900:]) > 0.97
    assert np.array_equal(embedding.positions, before)
    alone = np.concatenate([embedding.transform(features[i : i + 1]) for i in (900, 950)])
    assert alone == pytest.approx(placed[[0, 50]], abs=1e-3)  # new points do not affect each other


def test_points_of_the_map_are_placed_at_their_positions() -> None:
    features, _ = clusters()
    embedding = tsne(features, perplexity=20)
    placed = embedding.transform(features)
    distances = np.linalg.norm(placed - embedding.positions, axis=1)
    assert np.median(distances) < np.ptp(embedding.positions, axis=0).max() / 50
    for axis in (0, 1):
        assert spearmanr(placed[:, axis], embedding.positions[:, axis]).statistic > 0.98


def test_progress_reports_the_neighbor_search_then_every_step() -> None:
    calls: list[tuple[str, float, float]] = []
    tsne(clusters(100)[0], perplexity=5, phases=SHORT, progress=lambda *a, note="": calls.append(a[:3]))
    assert calls[0][0] == "nearest neighbors"
    assert calls[-1] == ("t-SNE", 180, 180)
    assert sum(task == "t-SNE" for task, *_ in calls) == 180


def test_four_points_are_enough() -> None:
    positions = tsne(np.eye(4, 3, dtype=np.float32), perplexity=1).positions
    assert positions.shape == (4, 2)
    assert np.isfinite(positions).all()


@pytest.mark.parametrize("perplexity", [0.5, 33.1, float("nan")])
def test_an_unsuitable_perplexity_is_refused(perplexity: float) -> None:
    with pytest.raises(UsageError, match="does not suit 100 images; give 1 to 33"):
        tsne(clusters(100)[0], perplexity=perplexity)


def test_too_few_points_or_features_are_refused() -> None:
    for shape in ((3, 5), (50, 1)):
        with pytest.raises(DataError, match="4 points or more with 2 features or more"):
            tsne(np.zeros(shape, np.float32))


def test_points_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(DataError, match="all 200 points are the same"):
        tsne(np.ones((200, 3), np.float32))


def test_nan_is_refused() -> None:
    features = clusters(200)[0]
    features[7, 3] = np.nan
    with pytest.raises(DataError, match="NaN or infinity"):
        tsne(features)


def test_features_of_another_width_are_refused() -> None:
    embedding = tsne(clusters(100)[0], perplexity=5, phases=SHORT)
    with pytest.raises(DataError, match=r"10 features per point.* \(4, 3\)"):
        embedding.transform(np.zeros((4, 3), np.float32))
