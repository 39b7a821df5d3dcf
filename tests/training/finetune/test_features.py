from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.finetune.features import fit_linear_probe

if TYPE_CHECKING:
    from clothier.training.finetune.features import FrozenFeatureExtractor

N, FROZEN_STAGES = 6, 6  # more than a batch, and no multiple of it


@pytest.fixture(scope="module")
def images(frozen_extractor: FrozenFeatureExtractor) -> np.ndarray:
    shape = (N, frozen_extractor.side, frozen_extractor.side, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_extractor_matches_the_torch_network(frozen_extractor: FrozenFeatureExtractor, images: np.ndarray) -> None:
    done: list[int] = []
    features, embeddings = frozen_extractor.extract(
        ("features", "embeddings"), N, lambda index: images[index], done.append
    )
    network = pretrained("lite0")
    with torch.no_grad():
        stem = network.forward_stem(torch.as_tensor(images).permute(0, 3, 1, 2) / 255, FROZEN_STAGES)
        expected = network.embed(network.forward_tail(stem, FROZEN_STAGES))
    assert features.dtype == np.float16
    assert np.abs(features - stem.numpy()).max() < 2e-2
    assert np.abs(embeddings - expected.numpy()).max() < 1e-4
    assert done == [4, 6]


def test_features_alone_equal_those_with_embeddings(
    frozen_extractor: FrozenFeatureExtractor, images: np.ndarray
) -> None:
    both = frozen_extractor.extract(("features", "embeddings"), N, lambda index: images[index], lambda _: None)
    (alone,) = frozen_extractor.extract(("features",), N, lambda index: images[index], lambda _: None)
    assert np.array_equal(alone, both[0])


def test_linear_probe_equals_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = (rng.normal(size=(60, 5)) * [1, 2, 3, 4, 5] + labels[:, None]).astype(np.float32)
    standardized = (rows - rows.mean(0)) / rows.std(0)
    expected = LogisticRegression(C=0.1, max_iter=500).fit(standardized, labels).decision_function(standardized)
    assert fit_linear_probe(rows, labels, 3, 0.1).logits(rows) == pytest.approx(expected, abs=1e-3)


def test_linear_probe_never_predicts_an_absent_class() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    logits = fit_linear_probe(rows, np.where(rows[:, 0] > 0, 2, 0), 4, 1.0).logits(rows)
    assert set(logits.argmax(1)) == {0, 2}
