import gzip
from pathlib import Path

import numpy as np
import pytest

from clothier.data import idx_files
from clothier.data.idx_files import FILE_NAMES, TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS
from clothier.data.release import FASHION_MNIST, Release
from clothier.errors import DataError
from tests.synthetic import write_idx

DIGESTS = r"SHA-256 of the uncompressed bytes: expected {expected}, got {got}\."


def read(release: Release, folder: Path) -> dict[str, bytes]:
    return dict(release.read(idx_files.find_files(folder), folder))


def test_verified_files_become_a_dataset(release: Release, drawn: Path) -> None:
    dataset = release.dataset(read(release, drawn), warnings=("a note",))
    assert (len(dataset.train), len(dataset.test)) == (60, 20)
    assert dataset.train.labels.dtype == np.int64
    assert dataset.digests == release.digests
    assert (dataset.name, dataset.warnings) == ("Drawn", ("a note",))


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda c: c[:-1], "is truncated: its header says 60 x 28 x 28 = 47040 bytes, but 47039 follow"),
        (lambda c: c + b"\0", "is too long: its header says 60 x 28 x 28 = 47040 bytes, but 47041 follow"),
        (lambda c: b"\0\0\x08\x07" + c[4:], "is too long"),
        (lambda c: b"\x01" + c[1:], "is not an IDX file: it starts with 01 00 08 03"),
        (lambda c: c[:-1] + bytes([c[-1] ^ 1]), "is not the file of Drawn"),
    ],
    ids=["truncated", "trailing", "dimensions", "magic", "one bit"],
)
def test_any_change_is_refused_with_both_digests(release: Release, drawn: Path, damage, cause: str) -> None:
    path = drawn / f"{TRAIN_IMAGES}.gz"
    damaged = damage(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(damaged))
    expected = DIGESTS.format(expected=release.digests[TRAIN_IMAGES], got=idx_files.sha256(damaged))
    with pytest.raises(DataError, match=rf"{path} {cause}.*{expected}"):
        read(release, drawn)


@pytest.mark.parametrize(("one", "other"), [(TRAIN_IMAGES, TRAIN_LABELS), (TRAIN_IMAGES, TEST_IMAGES)])
def test_swapped_files_are_recognized(release: Release, drawn: Path, one: str, other: str) -> None:
    (drawn / f"{one}.gz").rename(drawn / "aside")
    (drawn / f"{other}.gz").rename(drawn / f"{one}.gz")
    (drawn / "aside").rename(drawn / f"{other}.gz")
    with pytest.raises(DataError, match=rf"{one}\.gz has the content of {other}: the files are swapped"):
        read(release, drawn)


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (np.zeros(60, np.uint8), "has labels instead of images: the files are swapped"),
        (np.zeros((60, 28, 28), np.uint8), "is not the file of Drawn"),
    ],
)
def test_files_of_another_data_set(release: Release, drawn: Path, array: np.ndarray, cause: str) -> None:
    write_idx(drawn / f"{TRAIN_IMAGES}.gz", array)
    with pytest.raises(DataError, match=cause):
        read(release, drawn)


def test_fashion_mnist() -> None:
    assert tuple(FASHION_MNIST.digests) == FILE_NAMES
    assert all(len(digest) == 64 and int(digest, 16) for digest in FASHION_MNIST.digests.values())
    assert len(set(FASHION_MNIST.digests.values())) == 4
    assert all(mirror.startswith("https://") and not mirror.endswith("/") for mirror in FASHION_MNIST.mirrors)
