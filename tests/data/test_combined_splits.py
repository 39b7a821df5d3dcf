from dataclasses import replace

import numpy as np
import pytest

from clothier.data.combined_splits import CombinedSplits
from clothier.data.dataset import Dataset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("Drawn", FASHION_MNIST_CLASSES, draw_garments(30, 0), draw_garments(12, 1), {})


def test_every_index_is_an_image_of_its_split(dataset: Dataset) -> None:
    combined = CombinedSplits.from_dataset(dataset)
    assert (len(combined), combined.n_train) == (42, 30)
    for index in range(42):
        split = getattr(dataset, combined.split(index))
        assert np.array_equal(combined.images[index], split.images[combined.index_in_split(index)])
        assert combined.class_name(index) == FASHION_MNIST_CLASSES[split.labels[combined.index_in_split(index)]]


def test_captions_and_files(dataset: Dataset) -> None:
    combined = CombinedSplits.from_dataset(dataset)
    assert (combined.caption(29), combined.caption(30), combined.file(30)) == ("train 29", "test 0", None)
    named = {
        name: replace(part, files=tuple(f"shop/{name}/{number}.png" for number in range(len(part))))
        for name, part in (("train", dataset.train), ("test", dataset.test))
    }
    combined = CombinedSplits.from_dataset(replace(dataset, **named))
    assert (combined.file(29), combined.file(30)) == ("shop/train/29.png", "shop/test/0.png")
    assert combined.caption(30) == "0.png"
