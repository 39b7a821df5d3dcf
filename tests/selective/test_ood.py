"""OOD images score higher than in-distribution images, on any machine, from a small file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier.errors import DataError, ModelError
from clothier.metrics import auroc
from clothier.selective.ood import MIN_SAMPLES, OodScorer, fit_ood_scorer

if TYPE_CHECKING:
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
    read = OodScorer.from_bytes(content, Path("ood.npz"), WIDTH)
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


def refusal(content: bytes) -> str:
    with pytest.raises(ModelError, match=r"^ood\.npz is damaged: ") as caught:
        OodScorer.from_bytes(content, Path("ood.npz"), WIDTH)
    return str(caught.value)


def saved(arrays: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.fixture
def arrays(scorer: OodScorer) -> dict[str, Any]:
    with np.load(io.BytesIO(scorer.to_bytes())) as content:
        return dict(content)


def test_damaged_arrays(arrays: dict[str, Any]) -> None:
    assert "mean" in refusal(saved({name: array for name, array in arrays.items() if name != "mean"}))
    assert refusal(saved({"mean": np.array([{}], dtype=object)}))
    for name, array in arrays.items():
        assert "has the shape" in refusal(saved(arrays | {name: array.ravel()[:-1]}))
        assert "has the shape" in refusal(saved(arrays | {name: array[:0]}))
        assert f"{name} is not finite" in refusal(saved(arrays | {name: np.full_like(array, np.nan)}))
    for place in (1, 3):
        scale = arrays["scale"].copy()
        scale[place] = 0
        assert "standard deviation below" in refusal(saved(arrays | {"scale": scale}))


def test_an_ood_score_of_another_model(scorer: OodScorer) -> None:
    with pytest.raises(ModelError, match="mean has the shape"):
        OodScorer.from_bytes(scorer.to_bytes(), Path("ood.npz"), WIDTH + 1)


def test_damaged_archives(scorer: OodScorer) -> None:
    content = scorer.to_bytes()
    for damaged in (b"", b"no archive", content[:-30], content[: len(content) // 2]):
        refusal(damaged)
    first = content.index(b"PK\x01\x02")  # the entry of the first array in the central directory
    encrypted, unknown = bytearray(content), bytearray(content)
    for at in (6, first + 8):
        encrypted[at] |= 1
    for at in (8, first + 10):
        unknown[at] = 98
    assert "encrypted" in refusal(bytes(encrypted))
    assert "compression" in refusal(bytes(unknown))
    huge = bytearray(content)
    huge[first + 24 : first + 28] = (2**31).to_bytes(4, "little")
    assert "unpacks to more than" in refusal(bytes(huge))


def test_a_claim_of_more_values_than_memory_has(arrays: dict[str, Any]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                header, {"descr": "<f4", "fortran_order": False, "shape": (10**13,) if name == "mean" else array.shape}
            )
            archive.writestr(f"{name}.npy", header.getvalue() + array.astype(np.float32).tobytes())
    refusal(file.getvalue())
