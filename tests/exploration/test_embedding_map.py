"""The map of a data set: what it says of itself, its file, and where it places new pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.synthetic import draw_garments
from clothier.errors import DataError, UsageError
from clothier.exploration.embedding_map import EmbeddingMap, fit_map, load_map
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from pathlib import Path


class HalvesClassifier:
    """A classifier whose embedding is the ink above and below, and a little of every column."""

    name = "halves"
    classes = FASHION_MNIST_CLASSES
    view = InputSpec()

    def run(self, images: np.ndarray) -> ModelOutput:
        floats = images.astype(np.float32) / 255
        parts = np.stack([floats[:, :14].mean((1, 2)), floats[:, 14:].mean((1, 2))], axis=1)
        return ModelOutput(np.zeros((len(images), 10), np.float32), np.concatenate([parts, floats.mean(1)], axis=1))


DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(scope="module")
def made() -> EmbeddingMap:
    return fit_map(DATASET, seed=1)


def test_every_picture_has_its_place_train_part_first(made: EmbeddingMap) -> None:
    assert made.positions.shape == (300, 2)
    features = made.pca.transform(np.concatenate([DATASET.train.images, DATASET.test.images]))
    assert np.array_equal(made.embedding.features, features)
    facts = made.metadata.to_json()
    assert facts["n"] == 300
    assert facts["source"] == "pixels"
    assert facts["digest"] == DATASET.digest
    assert facts["n_components"] == 50
    assert facts["perplexity"] == 30
    assert facts["knn10"] > facts["pca_baseline"]["knn10"]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_a_saved_map_is_read_back_whole(made: EmbeddingMap, tmp_path: Path) -> None:
    (tmp_path / "map.npz").write_bytes(made.to_bytes())
    read = load_map(tmp_path / "map.npz")
    assert read.metadata == made.metadata
    assert np.array_equal(read.positions, made.positions)
    new = draw_garments(5, 9).images
    assert np.array_equal(read.transform(new), made.transform(new))


def test_new_pictures_are_placed_among_their_class(made: EmbeddingMap) -> None:
    new = draw_garments(40, 7)
    placed = made.transform(new.images)
    labels = np.concatenate([DATASET.train.labels, DATASET.test.labels])
    nearest = labels[np.linalg.norm(placed[:, None] - made.positions, axis=2).argmin(axis=1)]
    assert (nearest == new.labels).mean() > 0.8


def test_a_classifiers_embeddings_are_mapped_and_placed() -> None:
    made = fit_map(DATASET, HalvesClassifier())
    assert made.metadata.source == "halves"
    assert made.metadata.n_components == 30
    assert made.transform(DATASET.test.images[:3], HalvesClassifier()).shape == (3, 2)
    with pytest.raises(DataError, match="this is a map of halves, and pixels were given"):
        made.transform(DATASET.test.images[:3])


def test_few_pictures_get_the_perplexity_that_suits_them() -> None:
    few = replace(DATASET, train=draw_garments(20, 0), test=draw_garments(11, 1))
    assert fit_map(few).metadata.perplexity == 10
    with pytest.raises(UsageError, match="the perplexity 30 does not suit 31 pictures; 1 to 10 can be taken"):
        fit_map(few, perplexity=30)


def test_pictures_that_are_all_the_same_are_a_sentence() -> None:
    flat = replace(
        DATASET,
        train=LabeledImages(np.full_like(DATASET.train.images, 9), DATASET.train.labels),
        test=LabeledImages(np.full_like(DATASET.test.images, 9), DATASET.test.labels),
    )
    with pytest.raises(DataError, match="all 300 images are the same"):
        fit_map(flat)


def test_pictures_of_another_size_are_a_sentence(made: EmbeddingMap) -> None:
    with pytest.raises(DataError, match=r"made of 784 numbers a picture, and got pictures of \(32, 32\)"):
        made.transform(np.zeros((2, 32, 32), np.uint8))


def test_a_file_that_is_no_map_is_a_sentence(made: EmbeddingMap, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    with pytest.raises(DataError, match=r"is no map: .*No such file"):
        load_map(path)
    path.write_bytes(b"no map")
    with pytest.raises(DataError, match=r"is no map: .* Give the map.npz of clothier explore"):
        load_map(path)
    path.write_bytes(made.to_bytes())
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match="is no map"):
        load_map(path)
    np.savez(path, positions=np.zeros(3))
    with pytest.raises(DataError, match="is no map"):
        load_map(path)


def test_a_map_of_a_newer_format_is_a_sentence(
    made: EmbeddingMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("clothier.exploration.embedding_map.MAP_FORMAT_VERSION", 2)
        (tmp_path / "map.npz").write_bytes(made.to_bytes())
    with pytest.raises(DataError, match="is of a newer format than this Clothier reads"):
        load_map(tmp_path / "map.npz")
