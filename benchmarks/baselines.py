"""The baselines of our recipes: stock PyTorch and scikit-learn, as a reader of their sources would run them.

Every baseline takes a data set and a seed and returns the seconds of its training, without evaluation, and its test
accuracy. Nothing of our trainer is used: default allocator, default memory layout, float32 only.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from clothier.data.splits import stratified_split
from clothier.recipes.schema import STUDY_VALIDATION_FRACTION
from clothier.training.networks import StudyCnnNetwork, count_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn.base import ClassifierMixin

    from clothier.data.dataset import Dataset, LabeledImages

STUDY_BATCH, STUDY_EPOCHS, STUDY_LR = 128, 10, 1e-3  # the reference study's CNN, Adam
TUTORIAL_BATCH, TUTORIAL_EPOCHS, TUTORIAL_LR = 64, 5, 1e-3  # as in most tutorials on Fashion-MNIST, Adam
SVM_COMPONENTS, SVM_C = 100, 10.0  # arXiv 1708.07747: best SVC has C = 10 on pixels; 100 components keep 91 %


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One training.

    Attributes:
        seconds: from arrays in memory to final weights.
        accuracy: on the test set, 0 to 1, without test-time augmentation.
        accuracy_tta: with it; None for a model without.
        parameters: trainable parameters; None for a model without such a count.
        flops: operations per second while training; None if not counted.
        peak: operations per second of a matrix product in the same process, mean of before and after; None likewise.
    """

    seconds: float
    accuracy: float
    accuracy_tta: float | None = None
    parameters: int | None = None
    flops: float | None = None
    peak: float | None = None


def study_cnn(dataset: Dataset, seed: int) -> TimedRun:
    """The reference study's CNN and recipe: 48,000 images, ten epochs, the best one by validation."""
    torch.manual_seed(seed)
    train, validation = stratified_split(dataset.train.labels, round(STUDY_VALIDATION_FRACTION * len(dataset.train)))
    started = time.perf_counter()
    network = StudyCnnNetwork(len(dataset.classes))
    best, weights, evaluating = -1.0, network.state_dict(), 0.0
    for _ in _train_epochs(network, dataset.train.subset(train), STUDY_BATCH, STUDY_EPOCHS, STUDY_LR):
        paused = time.perf_counter()
        accuracy = _accuracy(network, dataset.train.subset(validation))
        if accuracy > best:
            best, weights = accuracy, copy.deepcopy(network.state_dict())
        evaluating += time.perf_counter() - paused
    seconds = time.perf_counter() - started - evaluating
    network.load_state_dict(weights)
    return TimedRun(seconds, _accuracy(network, dataset.test), parameters=count_parameters(network))


def tutorial_cnn(dataset: Dataset, seed: int) -> TimedRun:
    """The CNN of most tutorials: two convolutions with pooling, one hidden layer; all images, five epochs."""
    torch.manual_seed(seed)
    started = time.perf_counter()
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(128), nn.ReLU(), nn.Linear(128, len(dataset.classes))),
    )
    network(_to_tensor(dataset.train)[:1])  # sets the width of LazyLinear
    for _ in _train_epochs(network, dataset.train, TUTORIAL_BATCH, TUTORIAL_EPOCHS, TUTORIAL_LR):
        pass
    seconds = time.perf_counter() - started
    return TimedRun(seconds, _accuracy(network, dataset.test), parameters=count_parameters(network))


def boosted_trees(dataset: Dataset, seed: int) -> TimedRun:
    """scikit-learn's HistGradientBoosting on pixels, with its defaults."""
    return _fit_sklearn(HistGradientBoostingClassifier(random_state=seed), dataset)


def svm_on_pca(dataset: Dataset, seed: int) -> TimedRun:
    """A support vector machine with a Gaussian kernel on principal components."""
    return _fit_sklearn(make_pipeline(PCA(SVM_COMPONENTS, random_state=seed), SVC(C=SVM_C, cache_size=2_000)), dataset)


def _train_epochs(
    network: nn.Module, train: LabeledImages, batch: int, epochs: int, learning_rate: float
) -> Iterator[None]:
    """Trains with Adam and a DataLoader without workers; yields after every epoch."""
    loader = DataLoader(TensorDataset(_to_tensor(train), torch.as_tensor(train.labels)), batch, shuffle=True)
    optimizer, criterion = torch.optim.Adam(network.parameters(), lr=learning_rate), nn.CrossEntropyLoss()
    for _ in range(epochs):
        network.train()
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(network(images), labels).backward()
            optimizer.step()
        yield


def _to_tensor(data: LabeledImages) -> torch.Tensor:
    """(N, 1, H, W) float32 in [0, 1]."""
    return torch.as_tensor(data.images).unsqueeze(1).float() / 255


def _accuracy(network: nn.Module, data: LabeledImages) -> float:
    network.eval()
    with torch.no_grad():
        predicted = torch.cat([network(part).argmax(1) for part in torch.split(_to_tensor(data), 1_000)])
    return float((predicted == torch.as_tensor(data.labels)).double().mean())


def _fit_sklearn(model: ClassifierMixin, dataset: Dataset) -> TimedRun:
    """A scikit-learn model on pixels in [0, 1]."""
    train, test = (part.images.reshape(len(part), -1) / 255 for part in (dataset.train, dataset.test))
    started = time.perf_counter()
    model.fit(train, dataset.train.labels)
    return TimedRun(time.perf_counter() - started, float(model.score(test, dataset.test.labels)))
