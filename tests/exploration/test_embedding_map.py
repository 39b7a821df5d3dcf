"""The map of a dataset: its metadata, its file, and the positions of new images."""

from __future__ import annotations

import io
import json
import math
import os
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import DataError, UsageError
from clothier.exploration.embedding_map import EmbeddingMap, fit_map, load_map
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class HalvesClassifier:
    """A classifier whose embedding is the brightness of the upper half, the lower half and every column."""

    name = "halves"
    classes = FASHION_MNIST_CLASSES
    input_spec = InputSpec()

    def run(self, images: np.ndarray) -> ModelOutput:
        floats = images.astype(np.float32) / 255
        parts = np.stack([floats[:, :14].mean((1, 2)), floats[:, 14:].mean((1, 2))], axis=1)
        return ModelOutput(np.zeros((len(images), 10), np.float32), np.concatenate([parts, floats.mean(1)], axis=1))


DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(scope="module")
def fitted() -> EmbeddingMap:
    return fit_map(DATASET, seed=1)


def test_every_image_has_a_position_training_images_first(fitted: EmbeddingMap) -> None:
    assert fitted.positions.shape == (300, 2)
    features = fitted.pca.transform(np.concatenate([DATASET.train.images, DATASET.test.images]))
    assert np.array_equal(fitted.embedding.features, features)
    metadata = fitted.metadata.to_json()
    assert metadata["n"] == 300
    assert metadata["source"] == "pixels"
    assert metadata["digest"] == DATASET.digest
    assert metadata["n_components"] == 50
    assert metadata["perplexity"] == 30
    assert metadata["knn10"] > metadata["pca_baseline"]["knn10"]
    assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata


def test_a_saved_map_is_loaded_unchanged(fitted: EmbeddingMap, tmp_path: Path) -> None:
    (tmp_path / "map.npz").write_bytes(fitted.to_bytes())
    read = load_map(tmp_path / "map.npz")
    assert read.metadata == fitted.metadata
    assert np.array_equal(read.positions, fitted.positions)
    new = draw_garments(5, 9).images
    assert np.array_equal(read.transform(new), fitted.transform(new))


def test_new_images_are_placed_near_their_class(fitted: EmbeddingMap) -> None:
    new = draw_garments(40, 7)
    placed = fitted.transform(new.images)
    labels = np.concatenate([DATASET.train.labels, DATASET.test.labels])
    nearest = labels[np.linalg.norm(placed[:, None] - fitted.positions, axis=2).argmin(axis=1)]
    assert (nearest == new.labels).mean() > 0.8


def test_the_embeddings_of_a_classifier_are_mapped() -> None:
    fitted = fit_map(DATASET, HalvesClassifier())
    assert fitted.metadata.source == "halves"
    assert fitted.metadata.n_components == 30
    assert fitted.transform(DATASET.test.images[:3], HalvesClassifier()).shape == (3, 2)
    with pytest.raises(DataError, match="the map is of halves, not of pixels"):
        fitted.transform(DATASET.test.images[:3])


def test_few_images_get_a_lower_perplexity() -> None:
    few = replace(DATASET, train=draw_garments(20, 0), test=draw_garments(11, 1))
    assert fit_map(few).metadata.perplexity == 10
    with pytest.raises(UsageError, match="the perplexity 30 does not suit 31 images; give 1 to 10"):
        fit_map(few, perplexity=30)


def test_images_that_are_all_the_same_are_refused() -> None:
    flat = replace(
        DATASET,
        train=LabeledImages(np.full_like(DATASET.train.images, 9), DATASET.train.labels),
        test=LabeledImages(np.full_like(DATASET.test.images, 9), DATASET.test.labels),
    )
    with pytest.raises(DataError, match="all 300 images are the same"):
        fit_map(flat)


def test_images_of_another_size_are_refused(fitted: EmbeddingMap) -> None:
    with pytest.raises(DataError, match=r"784 numbers per image, and got images of shape \(32, 32\)"):
        fitted.transform(np.zeros((2, 32, 32), np.uint8))


def test_a_file_that_is_not_a_map_is_refused(fitted: EmbeddingMap, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    with pytest.raises(DataError, match=r"map.npz is not a map: no such file"):
        load_map(path)
    path.write_bytes(b"not a map")
    with pytest.raises(DataError, match=r"map\.npz is not a map"):
        load_map(path)
    path.write_bytes(fitted.to_bytes())
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r"map\.npz is not a map"):
        load_map(path)
    np.savez(path, positions=np.zeros(3))
    with pytest.raises(DataError, match=r"map\.npz is not a map"):
        load_map(path)


def test_a_map_of_a_newer_format_is_refused(
    fitted: EmbeddingMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("clothier.exploration.embedding_map.MAP_FORMAT_VERSION", 2)
        (tmp_path / "map.npz").write_bytes(fitted.to_bytes())
    with pytest.raises(DataError, match="has format 2, not 1"):
        load_map(tmp_path / "map.npz")


def edited_maps(saved: bytes) -> Iterator[tuple[str, bytes]]:
    """108 edits of a saved map, each with its name."""
    with np.load(io.BytesIO(saved)) as file:
        arrays = dict(file)
    metadata = json.loads(str(arrays.pop("metadata")))

    def save(**changed: object) -> bytes:
        content = io.BytesIO()
        given = {**arrays, "metadata": np.array(json.dumps(metadata)), **changed}
        np.savez(content, **{name: value for name, value in given.items() if value is not None})
        return content.getvalue()

    def with_value(values: np.ndarray, value: float) -> np.ndarray:
        place = np.random.default_rng(0).integers(values.size)
        return np.where(np.arange(values.size).reshape(values.shape) == place, value, values).astype(values.dtype)

    array_edits: dict[str, Callable[[np.ndarray], object]] = {
        "missing": lambda values: None,
        "empty": lambda values: values[:0],
        "shorter": lambda values: values[:-1],
        "one more axis": lambda values: values[np.newaxis],
        "a single number": lambda values: np.float32(1),
        "NaN": lambda values: with_value(values, np.nan),
        "infinity": lambda values: with_value(values, np.inf),
        "huge": lambda values: with_value(values, 1e30),
        "integers": lambda values: values.astype(np.int32),
        "text": lambda values: values.astype(str),
        "complex": lambda values: values.astype(complex),
    }
    for name, edit in product(arrays, array_edits):
        yield f"{name}: {edit}", save(**{name: array_edits[edit](arrays[name])})
    yield "components: longer", save(components=arrays["components"] * 2)
    yield "explained_variance: rising", save(explained_variance=arrays["explained_variance"][::-1])
    yield "explained_variance: negative", save(explained_variance=-arrays["explained_variance"])
    yield "features: transposed", save(features=arrays["features"].T)
    values: tuple[object, ...] = (None, "?", -1, math.nan)
    for field, value in product(sorted(set(metadata) - {"quality", "pca_baseline"}), values):
        if not (isinstance(value, str) and isinstance(metadata[field], str)):
            yield f"{field}: {value!r}", save(metadata=np.array(json.dumps({**metadata, field: value})))
    for field, value in product(("n", "knn10", "trustworthiness", "trustworthiness_n", "other"), (2.5, "?")):
        quality = {**metadata["quality"], field: value}
        yield f"quality {field}: {value!r}", save(metadata=np.array(json.dumps({**metadata, "quality": quality})))
    for text in ("", "[]", "1", '{"format": 1}', "{", '{"format": true}'):
        yield f"metadata: {text}", save(metadata=np.array(text))


def test_108_edited_maps_are_refused_in_a_sentence(fitted: EmbeddingMap, tmp_path: Path) -> None:
    edits = dict(edited_maps(fitted.to_bytes()))
    assert len(edits) == 108
    for name, content in edits.items():
        (tmp_path / "map.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"map\.npz (is not a map: |has format )"):
            pytest.fail(f"{name}: {load_map(tmp_path / 'map.npz').metadata}")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "map.npz")
    with pytest.raises(DataError, match=r"map\.npz is not a map: no such file"):
        load_map(tmp_path / "map.npz")


def test_a_map_that_unpacks_to_more_than_fits_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clothier.exploration.embedding_map.MAX_BYTES", 1000)
    np.savez_compressed(tmp_path / "map.npz", positions=np.zeros((10_000, 2)))
    with pytest.raises(DataError, match="unpacks to more than 1,000 bytes"):
        load_map(tmp_path / "map.npz")
