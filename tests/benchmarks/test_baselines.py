"""The baselines on synthetic images: each learns, is timed without its evaluation and keeps its own recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks import baselines as module
from clothier.data.dataset import Dataset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASET = Dataset(
    "Synthetic", FASHION_MNIST_CLASSES, draw_garments(600, 0), draw_garments(100, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("name", "parameters"), [("study_cnn", 262_890), ("tutorial_cnn", 421_642)])
@pytest.mark.slow
def test_networks_learn(name: str, parameters: int) -> None:
    run = getattr(module, name)(DATASET, 0)
    assert run.parameters == parameters
    assert run.accuracy > 0.8  # synthetic images are easy; random is 0.1
    assert (run.accuracy_tta, run.flops, run.peak) == (None, None, None)


def test_study_keeps_the_best_epoch_and_does_not_time_its_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    evaluated: list[int] = []
    states: list[dict[str, torch.Tensor]] = []

    def train_epochs(network: torch.nn.Module, train: Any, *recipe: Any) -> Iterator[None]:
        assert (len(train), recipe) == (480, (128, 3, 1e-3))
        for epoch in range(3):
            torch.nn.init.constant_(next(network.parameters()), epoch)
            states.append({name: value.clone() for name, value in network.state_dict().items()})
            now[0] += 10.0
            yield

    def accuracy(network: torch.nn.Module, data: Any) -> float:
        now[0] += 1_000.0
        evaluated.append(len(data))
        if len(data) == len(DATASET.test):
            assert all(torch.equal(network.state_dict()[name], value) for name, value in states[1].items())
        return 1.0 if len(evaluated) == 2 else 0.5  # the second epoch is the best

    monkeypatch.setattr(module, "STUDY_EPOCHS", 3)
    monkeypatch.setattr(module, "_train_epochs", train_epochs)
    monkeypatch.setattr(module, "_accuracy", accuracy)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    assert module.study_cnn(DATASET, 0).seconds == 30.0
    assert evaluated == [120, 120, 120, 100]


def test_same_seed_same_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STUDY_EPOCHS", 1)
    one, same, other = (module.study_cnn(DATASET, seed).accuracy for seed in (0, 0, 1))
    assert one == same != other


def test_scikit_learn_models_get_pixels_in_0_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "HistGradientBoostingClassifier", lambda **options: FewIterations(max_iter=5, **options)
    )
    run = module.boosted_trees(DATASET, 3)
    assert run.accuracy > 0.5
    assert run.parameters is None


class FewIterations(HistGradientBoostingClassifier):
    def fit(self, pixels: Any, labels: Any) -> FewIterations:
        assert pixels.shape == (600, 784)
        assert (pixels.min(), pixels.max()) == (0, 1)
        fitted: FewIterations = super().fit(pixels, labels)
        return fitted


def test_support_vector_machine_uses_components(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SVM_COMPONENTS", 20)
    run = module.svm_on_pca(DATASET, 0)
    assert run.accuracy > 0.9
