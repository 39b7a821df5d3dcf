import gzip
from pathlib import Path

import numpy as np

from clothier.data import idx_files
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments, write_synthetic_dataset


def test_the_seed_determines_the_data() -> None:
    one, same, other = draw_garments(30, 1), draw_garments(30, 1), draw_garments(30, 2)
    assert np.array_equal(one.images, same.images)
    assert np.array_equal(one.labels, same.labels)
    assert not np.array_equal(one.images, other.images)


def test_equal_class_counts_and_a_black_background() -> None:
    drawn = draw_garments(203, 3)
    assert set(drawn.class_counts(10).tolist()) == {20, 21}
    assert drawn.images.shape == (203, 28, 28)
    assert np.median(drawn.images[:, [0, 0, -1, -1], [0, -1, 0, -1]]) == 0
    assert len({image.tobytes() for image in drawn.images}) == 203


def test_classes_are_separable_but_not_trivially() -> None:
    train, test = draw_garments(400, 4), draw_garments(200, 5)
    means = np.stack([train.images[train.labels == label].mean(axis=0).ravel() for label in range(10)])
    distances = ((test.images.reshape(len(test), 1, -1) - means) ** 2).sum(axis=2)
    accuracy = (distances.argmin(axis=1) == test.labels).mean()
    assert 0.6 < accuracy < 0.999


def test_few_components_explain_most_of_the_variance() -> None:
    pixels = draw_garments(300, 6).images.reshape(300, -1) / 255.0
    centered = pixels - pixels.mean(axis=0)
    spectrum = np.linalg.eigvalsh(centered @ centered.T)
    assert spectrum[-30:].sum() / spectrum.sum() > 0.7


def test_written_files(tmp_path: Path) -> None:
    digests = write_synthetic_dataset(tmp_path / "d", train=20, test=10, seed=7)
    files = idx_files.find_files(tmp_path / "d")
    assert sorted(files) == sorted(idx_files.FILE_NAMES) == sorted(digests)
    assert all(idx_files.sha256(gzip.decompress(path.read_bytes())) == digests[name] for name, path in files.items())
    assert idx_files.load_idx_dataset(tmp_path / "d", files).classes == FASHION_MNIST_CLASSES
    assert write_synthetic_dataset(tmp_path / "again", train=20, test=10, seed=7) == digests
    assert write_synthetic_dataset(tmp_path / "other", train=20, test=10, seed=8) != digests
