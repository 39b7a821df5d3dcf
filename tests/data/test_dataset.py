import os
from dataclasses import replace

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import DataError


def part(n: int = 4, labels: list[int] | None = None, side: int = 28) -> LabeledImages:
    return LabeledImages(np.zeros((n, side, side), np.uint8), np.array(labels or [0, 1] * (n // 2), np.int64))


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("Toy", ("a", "b"), part(), part(2), {"train": "11", "test": "22"})


def test_subset_copies_in_the_given_order() -> None:
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2)
    labeled = LabeledImages(images, np.array([5, 6, 7]))
    subset = labeled.subset(np.array([2, 0]))
    assert subset.labels.tolist() == [7, 5]
    assert np.array_equal(subset.images, images[[2, 0]])
    subset.images[:] = 99
    assert images.max() == 11
    assert len(subset) == 2


def test_head(dataset: Dataset) -> None:
    fewer = dataset.head(3, 9)
    assert (fewer.name, len(fewer.train), len(fewer.test)) == ("Toy, first 3 and 2", 3, 2)
    assert fewer.train.labels.tolist() == [0, 1, 0]
    assert fewer.digest not in (dataset.digest, dataset.head(2, 9).digest)
    with pytest.raises(DataError, match="training split is empty"):
        dataset.head(0, 1)


def test_class_counts_include_empty_classes() -> None:
    assert part(4, [0, 2, 2, 2]).class_counts(4).tolist() == [1, 0, 3, 0]


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (
            np.zeros(3, np.uint8),
            np.zeros((3, 28, 28), np.uint8),
            r"images and labels are swapped: got images of shape \(3,\) and labels of shape \(3, 28, 28\). Exchange",
        ),
        (np.zeros((3, 28, 28)), np.zeros(3, np.int64), "images are float64 of shape .* uint8 of shape .N, H, W."),
        (np.zeros((3, 784), np.uint8), np.zeros(3, np.int64), r"images are uint8 of shape \(3, 784\); uint8 of"),
        (np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.uint8), r"labels are uint8 of shape \(3,\); int64 of shape"),
        (
            np.zeros((3, 2, 2), np.uint8),
            np.zeros(4, np.int64),
            "there are 3 images and 4 labels; one label for each image is needed",
        ),
    ],
)
def test_images_and_labels_that_do_not_fit(images: np.ndarray, labels: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        LabeledImages(images, labels)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train": part(4, [0, 1, 2, 0])}, "Toy, training split has the label 2; with 2 classes, labels are 0 to 1"),
        ({"test": part(2, [-1, 1])}, "Toy, test split has the label -1; with 2 classes"),
        ({"test": part(0)}, "Toy, test split is empty"),
        ({"test": part(2, side=32)}, "training images of 28x28 and test images of 32x32"),
        ({"classes": ("a",)}, r"Toy has the classes \['a'\]; two or more distinct ones"),
        ({"classes": ("a", "a")}, r"Toy has the classes \['a', 'a'\]; two or more"),
    ],
)
def test_inconsistent_data_sets(dataset: Dataset, change: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        replace(dataset, **change)


def test_digest_depends_on_contents_and_classes_only(dataset: Dataset) -> None:
    same = replace(dataset, name="Other", digests={"test": "22", "train": "11"}, warnings=("a note",))
    assert same.digest == dataset.digest
    assert len(dataset.digest) == 64
    others = [
        replace(dataset, digests={"train": "11", "test": "23"}),
        replace(dataset, digests={"train": "22", "test": "11"}),
        replace(dataset, classes=("b", "a")),
    ]
    assert len({dataset.digest, *(other.digest for other in others)}) == 4


def test_digest_of_class_names_that_are_not_utf8(dataset: Dataset) -> None:
    first, second = (replace(dataset, classes=("a", os.fsdecode(name))).digest for name in (b"\xe9", b"\xea"))
    assert first != second


def test_files_follow_their_images() -> None:
    labeled = LabeledImages(np.zeros((3, 2, 2), np.uint8), np.arange(3), ("a.png", "b.png", "c.png"))
    assert labeled.subset(np.array([2, 0])).files == ("c.png", "a.png")
    assert part().subset(np.array([1])).files == ()
    with pytest.raises(DataError, match="there are 3 images and 2 files"):
        replace(labeled, files=("a.png", "b.png"))
