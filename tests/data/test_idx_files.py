import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clothier.data import idx_files
from clothier.data.idx_files import FILE_NAMES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import write_idx

NOBODY = 65534


def gunzip(folder: Path) -> None:
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def dotted(folder: Path) -> None:
    gunzip(folder)
    for path in folder.glob("*-ubyte"):
        path.rename(folder / path.name.replace("-idx", ".idx"))


def into(layout: str) -> Callable[[Path], None]:
    def move(folder: Path) -> None:
        (folder / layout).mkdir(parents=True)
        for path in folder.glob("*.gz"):
            path.rename(folder / layout / path.name)

    return move


@pytest.mark.parametrize(
    ("arrange", "below"),
    [
        (lambda _: None, "."),
        (gunzip, "."),
        (dotted, "."),
        (into("FashionMNIST/raw"), "."),
        (into("FashionMNIST/raw"), "FashionMNIST"),
        (into("FashionMNIST/raw"), "FashionMNIST/raw"),
    ],
    ids=["gzipped", "plain", "dotted", "torchvision's root", "its data set", "its raw"],
)
def test_files_are_found_in_each_layout(drawn: Path, arrange: Callable[[Path], None], below: str) -> None:
    arrange(drawn)
    files = idx_files.find_files(drawn / below)
    assert sorted(files) == sorted(FILE_NAMES)
    assert len(idx_files.load_idx_dataset(drawn, files).train) == 60


def test_a_plain_file_is_preferred_to_its_gzipped_copy(drawn: Path) -> None:
    for path in list(drawn.glob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    assert {path.suffix for path in idx_files.find_files(drawn).values()} == {""}


def test_missing_files_are_named(drawn: Path) -> None:
    (drawn / f"{TRAIN_LABELS}.gz").unlink()
    with pytest.raises(DataError, match=f"{drawn} has no {TRAIN_LABELS}"):
        idx_files.require_all(idx_files.find_files(drawn), drawn)
    assert idx_files.find_files(drawn.parent / "nowhere") == {}
    with pytest.raises(DataError, match="nowhere has none of the four data files"):
        idx_files.require_all({}, Path("nowhere"))


def test_a_folder_without_permission(drawn: Path) -> None:
    drawn.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(DataError, match="drawn cannot be read: Permission denied"):
            idx_files.find_files(drawn)
    finally:
        os.seteuid(user)
        drawn.chmod(0o755)


def read(folder: Path) -> object:
    return idx_files.load_idx_dataset(folder, idx_files.find_files(folder))


def test_class_names_come_from_a_file_or_are_numbers(drawn: Path) -> None:
    files = idx_files.find_files(drawn)
    assert idx_files.load_idx_dataset(drawn, files).classes == FASHION_MNIST_CLASSES
    (drawn / "classes.txt").write_text("\n".join("abcdefghij") + "\n\nkl m \n", encoding="utf-8-sig")
    assert idx_files.load_idx_dataset(drawn, files).classes == (*"abcdefghij", "kl m")
    (drawn / "classes.txt").unlink()
    assert idx_files.load_idx_dataset(drawn, files).classes == tuple("0123456789")
    assert idx_files.load_idx_dataset(drawn, files).name == "drawn"


def test_name_of_a_data_set_in_torchvisions_layout(drawn: Path) -> None:
    raw = shutil.copytree(drawn, drawn.parent / "KMNIST/raw")
    assert idx_files.load_idx_dataset(raw, idx_files.find_files(raw)).name == "KMNIST"


def test_invalid_class_names(drawn: Path) -> None:
    (drawn / "classes.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"classes\.txt names 2 classes, but the labels go up to 9"):
        read(drawn)
    (drawn / "classes.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match=r"classes\.txt is not UTF-8 text"):
        read(drawn)
    (drawn / "classes.txt").unlink()
    os.mkfifo(drawn / "classes.txt")
    with pytest.raises(DataError, match=r"classes\.txt cannot be read: not a regular file"):
        read(drawn)


def test_other_sizes_are_refused(drawn: Path) -> None:
    write_idx(drawn / f"{TRAIN_IMAGES}.gz", np.zeros((60, 32, 30), np.uint8))
    with pytest.raises(DataError, match="drawn has images of 32x30 pixels; 28x28 is needed"):
        read(drawn)


def test_swapped_files_are_recognized(drawn: Path) -> None:
    images, labels = drawn / f"{TRAIN_IMAGES}.gz", drawn / f"{TRAIN_LABELS}.gz"
    images.rename(drawn / "aside")
    labels.rename(images)
    (drawn / "aside").rename(labels)
    with pytest.raises(
        DataError, match=rf"{TRAIN_IMAGES} and {TRAIN_LABELS} do not fit: images and labels are swapped: got"
    ):
        read(drawn)


def test_labels_of_the_other_split(drawn: Path) -> None:
    shutil.copy(drawn / f"{TEST_LABELS}.gz", drawn / f"{TRAIN_LABELS}.gz")
    with pytest.raises(DataError, match="do not fit: there are 60 images and 20 labels"):
        read(drawn)
