"""OOD images score higher than in-distribution images, on any machine, from a small file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import DataError, ModelError
from clothier.metrics import auroc
from clothier.selective.ood import MIN_SAMPLES, OodScorer, fit_ood_scorer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

WIDTH, CLASSES = 60, 4


def sample_embeddings(n: int, seed: int = 0) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Embeddings of separate classes in a few of the dimensions; a ReLU removes negative values."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    class_means = np.random.default_rng(99).normal(0, 1, (CLASSES, WIDTH)) * (np.arange(WIDTH) < 20)
    return np.maximum(class_means[labels] + generator.normal(0, 0.25, (n, WIDTH)) + 0.3, 0), labels


@pytest.fixture(scope="module")
def scorer() -> OodScorer:
    return fit_ood_scorer(*sample_embeddings(400), n_components=16)


def test_ood_inside_and_outside_the_principal_subspace(scorer: OodScorer) -> None:
    known, _ = sample_embeddings(300, seed=1)
    between = (known + known[np.roll(np.arange(300), 1)]) / 2  # half one class, half the next
    elsewhere = known[:, ::-1]
    scores = [scorer.score(rows) for rows in (known, between, elsewhere)]
    assert abs(scores[0].mean()) < 0.5
    assert auroc(scores[0], scores[1]) > 0.95
    assert auroc(scores[0], scores[2]) > 0.99


def test_scale_of_embeddings_changes_no_score(scorer: OodScorer) -> None:
    known, _ = sample_embeddings(50, seed=2)
    np.testing.assert_allclose(scorer.score(3 * known), scorer.score(known), atol=1e-9)


def test_the_relative_distance_against_its_definition() -> None:
    rows, labels = sample_embeddings(200)
    scorer = fit_ood_scorer(rows, labels, n_components=WIDTH)
    points = (rows / np.linalg.norm(rows, axis=1, keepdims=True) - scorer.mean) @ scorer.components.T

    def shrunk(centered: Doubles) -> Doubles:
        covariance = centered.T @ centered / len(centered)
        return 0.9 * covariance + 0.1 * np.trace(covariance) / WIDTH * np.eye(WIDTH)

    class_means = np.stack([points[labels == label].mean(axis=0) for label in range(CLASSES)])
    within, total = (np.linalg.inv(shrunk(one)) for one in (points - class_means[labels], points))
    to_classes = [np.einsum("nd,de,ne->n", points - mean, within, points - mean) for mean in class_means]
    relative = np.min(to_classes, axis=0) - np.einsum("nd,de,ne->n", points, total, points)
    scores = scorer.score(rows)  # with all components, the residual is 0
    assert np.corrcoef(relative, scores)[0, 1] > 0.999


def test_the_file_is_small_and_reproducible(scorer: OodScorer, tmp_path: Path) -> None:
    content = scorer.to_bytes()
    assert content == scorer.to_bytes()
    (tmp_path / "ood.npz").write_bytes(content)
    read = OodScorer.read(tmp_path / "ood.npz")
    known, _ = sample_embeddings(100, seed=3)
    np.testing.assert_allclose(read.score(known), scorer.score(known), atol=0.02)
    np.testing.assert_allclose(read.score(known[:1]), read.score(known)[:1], rtol=1e-9)
    wide = OodScorer(
        *(np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((1280,), (128, 1280))),
        *(np.zeros(shape, np.float32) for shape in ((13, 128), (128, 128), (128, 128), (4,))),
    )
    assert len(wide.to_bytes()) < 1_500_000


def test_none_and_one_photo(scorer: OodScorer) -> None:
    assert scorer.score(np.empty((0, WIDTH))).shape == (0,)
    assert np.isfinite(scorer.score(np.zeros((1, WIDTH)))).all()


def test_unlabeled_photos_are_ignored() -> None:
    rows, labels = sample_embeddings(100)
    labels = np.where(np.arange(100) < 50, labels, -1)
    ours, theirs = (fit_ood_scorer(rows[:n], labels[:n], n_components=8) for n in (100, 50))
    np.testing.assert_array_equal(ours.components, theirs.components)


def test_too_few_or_constant_embeddings() -> None:
    rows, labels = sample_embeddings(MIN_SAMPLES - 1)
    with pytest.raises(DataError, match="10 or more labeled photos, but got 9"):
        fit_ood_scorer(rows, labels)
    with pytest.raises(DataError, match="do not vary"):
        fit_ood_scorer(np.ones((20, 5)), np.zeros(20, np.int64))


def test_damaged_files(scorer: OodScorer, tmp_path: Path) -> None:
    file = tmp_path / "ood.npz"
    with np.load(io.BytesIO(scorer.to_bytes())) as content:
        arrays = dict(content)
    without_mean = {name: array for name, array in arrays.items() if name != "mean"}
    wrong_shapes = (arrays | {"mean": np.zeros(3)}, arrays | {"class_means": np.zeros((2, 3))})
    for damaged in (without_mean, *wrong_shapes, {"mean": np.array([{}], dtype=object)}):
        np.savez(file, **damaged)
        with pytest.raises(ModelError, match=r"ood\.npz is damaged"):
            OodScorer.read(file)
    for content in (b"", b"no archive", scorer.to_bytes()[:-30]):
        file.write_bytes(content)
        with pytest.raises(ModelError, match=r"ood\.npz is damaged"):
            OodScorer.read(file)
