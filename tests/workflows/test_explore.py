from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.decomposition

from clothier.data.dataset import Dataset, Labelled
from clothier.data.synthetic import draw_garments
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST
from clothier.workflows.explore import explore

DATASET = Dataset("Drawn", FASHION_MNIST, draw_garments(150, 0), draw_garments(40, 1), {"train": "1", "test": "2"})
SPLITS = {"train": DATASET.train.labels[:100], "validation": DATASET.train.labels[100:], "test": DATASET.test.labels}


def test_what_is_found_is_so() -> None:
    heard = []
    exploration = explore(DATASET, SPLITS, progress=lambda *said: heard.append(said[:3]))
    explained = sklearn.decomposition.PCA(svd_solver="full").fit(DATASET.train.images.reshape(150, -1) / 255)
    cumulative = explained.explained_variance_ratio_.cumsum()
    needed = {share: int((cumulative < share).sum()) + 1 for share in (0.90, 0.95)}
    classes = {
        part: {name: int((labels == label).sum()) for label, name in enumerate(FASHION_MNIST)}
        for part, labels in SPLITS.items()
    }
    assert exploration.to_json() == {
        "classes": classes,
        "pca": {"components_for_90": needed[0.90], "components_for_95": needed[0.95]},
    }
    assert sum(exploration.classes["train"].values()) == 100
    assert exploration.section.splits == {"train": 100, "validation": 50, "test": 40}
    assert exploration.section.components_for_90 == needed[0.90]
    assert exploration.section.digests == DATASET.digests
    assert len(exploration.section.figures) >= 4
    assert heard == [("explore", done, 2) for done in range(3)]


def test_pictures_that_are_all_the_same_are_said() -> None:
    constant = Labelled(np.full_like(DATASET.train.images, 9), DATASET.train.labels)
    with pytest.raises(DataError, match="all 150 images are the same"):
        explore(replace(DATASET, train=constant), SPLITS)
