from dataclasses import replace

import numpy as np
import pytest

from clothier.data.combined_splits import CombinedSplits
from clothier.data.dataset import Dataset
from clothier.data.synthetic import draw_garments
from clothier.taxonomy import FASHION_MNIST_CLASSES


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("Drawn", FASHION_MNIST_CLASSES, draw_garments(30, 0), draw_garments(12, 1), {})


def test_every_index_is_an_image_of_its_split(dataset: Dataset) -> None:
    pool = CombinedSplits.from_dataset(dataset)
    assert (len(pool), pool.n_train) == (42, 30)
    for place in range(42):
        part = getattr(dataset, pool.split(place))
        assert np.array_equal(pool.images[place], part.images[pool.index_in_split(place)])
        assert pool.class_name(place) == FASHION_MNIST_CLASSES[part.labels[pool.index_in_split(place)]]


def test_captions_and_files(dataset: Dataset) -> None:
    pool = CombinedSplits.from_dataset(dataset)
    assert (pool.caption(29), pool.caption(30), pool.file(30)) == ("train 29", "test 0", None)
    named = {
        name: replace(part, files=tuple(f"shop/{name}/{number}.png" for number in range(len(part))))
        for name, part in (("train", dataset.train), ("test", dataset.test))
    }
    pool = CombinedSplits.from_dataset(replace(dataset, **named))
    assert (pool.file(29), pool.file(30)) == ("shop/train/29.png", "shop/test/0.png")
    assert pool.caption(30) == "0.png"
