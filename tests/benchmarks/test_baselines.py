"""The rivals, on drawn garments: that each learns, is timed without its evaluation, and keeps to its own recipe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks import baselines as module
from clothier.data.dataset import Dataset
from clothier.data.synthetic import draw_garments
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(600, 0), draw_garments(100, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("rival", "parameters"), [("study_cnn", 262_890), ("tutorial_cnn", 421_642)])
def test_networks_learn(rival: str, parameters: int) -> None:
    lap = getattr(module, rival)(DATASET, 0)
    assert lap.parameters == parameters
    assert lap.accuracy > 0.8  # drawn garments are easy; chance is 0.1
    assert lap.seconds > 0
    assert (lap.accuracy_tta, lap.flops, lap.peak) == (None, None, None)


def test_the_study_learns_from_four_fifths_and_its_evaluation_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def slow(network: torch.nn.Module, data: Any) -> float:
        judged.append(len(data))
        time.sleep(1.0)
        return 1.0 if len(judged) == 2 else 0.5  # the second epoch is the best

    states: list[Any] = []
    epochs = module._train_epochs

    def watched(network: torch.nn.Module, train: Any, *recipe: Any) -> Iterator[None]:
        assert (len(train), recipe) == (480, (128, 3, 1e-3))
        for _ in epochs(network, train, *recipe):
            states.append({name: value.clone() for name, value in network.state_dict().items()})
            yield

    kept: list[torch.nn.Module] = []
    monkeypatch.setattr(module, "STUDY_EPOCHS", 3)
    monkeypatch.setattr(module, "_train_epochs", watched)
    monkeypatch.setattr(module, "_format_accuracy", lambda network, data: kept.append(network) or slow(network, data))
    lap = module.study_cnn(DATASET, 0)
    assert judged == [120, 120, 120, 100]
    assert lap.seconds < 3.0  # the pauses alone took so long
    final = kept[-1].state_dict()
    assert all(torch.equal(final[name], value) for name, value in states[1].items())


def test_same_seed_same_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STUDY_EPOCHS", 1)
    one, same, other = (module.study_cnn(DATASET, seed).accuracy for seed in (0, 0, 1))
    assert one == same != other


def test_models_of_scikit_learn_see_pixels_in_0_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HistGradientBoostingClassifier", lambda **kept: FewIterations(max_iter=5, **kept))
    lap = module.boosted_trees(DATASET, 3)
    assert lap.accuracy > 0.5
    assert lap.seconds > 0
    assert lap.parameters is None


class FewIterations(HistGradientBoostingClassifier):
    def fit(self, pixels: Any, labels: Any) -> FewIterations:
        assert pixels.shape == (600, 784)
        assert (pixels.min(), pixels.max()) == (0, 1)
        fitted: FewIterations = super().fit(pixels, labels)
        return fitted


def test_the_support_vector_machine_looks_at_components(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SVM_COMPONENTS", 20)
    lap = module.svm_on_pca(DATASET, 0)
    assert lap.accuracy > 0.9
    assert np.isfinite(lap.seconds)
