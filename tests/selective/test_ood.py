"""Strangers score higher than the known, on any machine, from a small file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clothier.errors import DataError, ModelError
from clothier.selective.ood import MIN_SAMPLES, OodScorer, auroc, fit_ood_scorer, fpr_at_95_tpr

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]

WIDTH, CLASSES = 60, 4


def sample_embeddings(n: int, seed: int = 0) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Embeddings of classes apart from each other, in a few of the dimensions; a ReLU leaves no negative ones."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centres = np.random.default_rng(99).normal(0, 1, (CLASSES, WIDTH)) * (np.arange(WIDTH) < 20)
    return np.maximum(centres[labels] + generator.normal(0, 0.25, (n, WIDTH)) + 0.3, 0), labels


@pytest.fixture(scope="module")
def novelty() -> OodScorer:
    return fit_ood_scorer(*sample_embeddings(400), n_components=16)


def test_ood_inside_and_outside_the_principal_subspace(novelty: OodScorer) -> None:
    known, _ = sample_embeddings(300, seed=1)
    between = (known + known[np.roll(np.arange(300), 1)]) / 2  # half one class, half the next
    elsewhere = known[:, ::-1]
    scores = [novelty.score((), rows) for rows in (known, between, elsewhere)]
    assert abs(scores[0].mean()) < 0.5
    assert auroc(scores[0], scores[1]) > 0.95
    assert auroc(scores[0], scores[2]) > 0.99
    assert fpr_at_95_tpr(scores[0], scores[2]) < 0.02


def test_scale_of_embeddings_changes_no_score(novelty: OodScorer) -> None:
    known, _ = sample_embeddings(50, seed=2)
    np.testing.assert_allclose(novelty.score((), 3 * known), novelty.score((), known), atol=1e-9)


def test_the_relative_distance_against_its_definition() -> None:
    rows, labels = sample_embeddings(200)
    novelty = fit_ood_scorer(rows, labels, n_components=WIDTH)
    points = (rows / np.linalg.norm(rows, axis=1, keepdims=True) - novelty.mean) @ novelty.components.T

    def shrunk(apart: Doubles) -> Doubles:
        found = apart.T @ apart / len(apart)
        return 0.9 * found + 0.1 * np.trace(found) / WIDTH * np.eye(WIDTH)

    centres = np.stack([points[labels == label].mean(axis=0) for label in range(CLASSES)])
    within, overall = (np.linalg.inv(shrunk(one)) for one in (points - centres[labels], points))
    to_classes = [np.einsum("nd,de,ne->n", points - centre, within, points - centre) for centre in centres]
    relative = np.min(to_classes, axis=0) - np.einsum("nd,de,ne->n", points, overall, points)
    scores = novelty.score((), rows)  # all components are kept, so nothing is left for the residual
    assert np.corrcoef(relative, scores)[0, 1] > 0.999


def test_a_file_keeps_it_small_and_the_same(novelty: OodScorer, tmp_path: Path) -> None:
    content = novelty.to_bytes()
    assert content == novelty.to_bytes()
    (tmp_path / "ood.npz").write_bytes(content)
    read = OodScorer.read(tmp_path / "ood.npz")
    known, _ = sample_embeddings(100, seed=3)
    np.testing.assert_allclose(read.score((), known), novelty.score((), known), atol=0.02)
    np.testing.assert_allclose(read.score((), known[:1]), read.score((), known)[:1], rtol=1e-9)
    wide = OodScorer(
        *(np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((1280,), (128, 1280))),
        *(np.zeros(shape, np.float32) for shape in ((13, 128), (128, 128), (128, 128), (4,))),
    )
    assert len(wide.to_bytes()) < 1_500_000


def test_none_and_one_photo(novelty: OodScorer) -> None:
    assert novelty.score((), np.empty((0, WIDTH))).shape == (0,)
    assert np.isfinite(novelty.score((), np.zeros((1, WIDTH)))).all()


def test_unlabeled_photos_are_ignored() -> None:
    rows, labels = sample_embeddings(100)
    labels = np.where(np.arange(100) < 50, labels, -1)
    ours, theirs = (fit_ood_scorer(rows[:n], labels[:n], n_components=8) for n in (100, 50))
    np.testing.assert_array_equal(ours.components, theirs.components)


def test_too_few_or_constant_embeddings() -> None:
    rows, labels = sample_embeddings(MIN_SAMPLES - 1)
    with pytest.raises(DataError, match="wants 10 labelled photos or more, and got 9"):
        fit_ood_scorer(rows, labels)
    with pytest.raises(DataError, match="the embeddings do not vary"):
        fit_ood_scorer(np.ones((20, 5)), np.zeros(20, np.int64))


def test_damaged_files(novelty: OodScorer, tmp_path: Path) -> None:
    arrays = novelty.to_arrays()
    for name, change in (("mean", None), ("mean", np.zeros(3)), ("class_means", np.zeros((2, 3)))):
        altered = {key: value for key, value in arrays.items() if key != name} | (
            {} if change is None else {name: change}
        )
        with pytest.raises(ModelError, match="the novelty score is damaged"):
            OodScorer.from_arrays(altered)
    for content in (b"", b"no archive", novelty.to_bytes()[:-30]):
        (tmp_path / "ood.npz").write_bytes(content)
        with pytest.raises(ModelError, match="is damaged"):
            OodScorer.read(tmp_path / "ood.npz")
    np.savez(tmp_path / "ood.npz", mean=np.array([{}], dtype=object))
    with pytest.raises(ModelError, match="damaged"):
        OodScorer.read(tmp_path / "ood.npz")


def test_auroc_against_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    known, strange = generator.integers(0, 9, 300) / 3, generator.integers(2, 12, 100) / 3  # with ties
    truth = np.repeat([0, 1], [300, 100])
    assert auroc(known, strange) == pytest.approx(roc_auc_score(truth, np.concatenate([known, strange])))
    assert fpr_at_95_tpr(np.arange(100), [10, 94, 95, 96, 200]) == 0.6
