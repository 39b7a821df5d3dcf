"""Out-of-fold predictions come from models that were not trained on the image, in the order of the images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset
from clothier.data.splits import stratified_folds
from clothier.recipes import Augment, Optimizer, PcaMlp, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training import out_of_fold as module
from clothier.training.out_of_fold import out_of_fold_probabilities
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    import torch

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe
    from clothier.training.device import Device


@pytest.fixture
def recipe() -> Recipe:
    network = PcaMlp(components=40, whitening=0.25, hidden=(64,), batch_norm=True)
    optimizer = Optimizer(learning_rate=0.01)
    return replace(
        preset("dnn", "fast"), network=network, optimizer=optimizer, augment=Augment(), epochs=6, batch_size=20
    )


@pytest.fixture
def dataset(garments: LabeledImages, others: LabeledImages) -> Dataset:
    return Dataset("Drawn", FASHION_MNIST_CLASSES, garments, others, {})


def test_predictions_are_accurate_and_in_order(dataset: Dataset, recipe: Recipe, cpu: Device) -> None:
    calls: list[tuple[float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        calls.append((done, total, note))

    folds = stratified_folds(dataset.train.labels, 3)
    found = out_of_fold_probabilities(dataset, recipe, folds, device=cpu, progress=progress)
    assert (found.train.shape, found.test.shape) == ((300, 10), (100, 10))
    for probabilities, split in ((found.train, dataset.train), (found.test, dataset.test)):
        assert probabilities.dtype == np.float32
        assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(split)), abs=1e-5)
        assert (probabilities.argmax(axis=1) == split.labels).mean() > 0.9
    assert [done for done, *_ in calls] == [*range(7), 6, *range(6, 13), 12, *range(12, 19), 18]
    assert {total for _, total, _ in calls} == {18}
    assert calls[-1][2].startswith("fold 3 of 3, accuracy 0.")


def test_no_model_is_trained_on_what_it_predicts(
    dataset: Dataset, recipe: Recipe, cpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, predicted = [], []
    fit = module.fit

    def recording_fit(network: torch.nn.Module, train: LabeledImages, *rest: object, **options: object) -> object:
        trained.append({image.tobytes() for image in train.images})
        return fit(network, train, *rest, **options)

    class RecordingClassifier(TorchClassifier):
        def run(self, images: np.ndarray) -> object:
            predicted.append({image.tobytes() for image in images})
            return super().run(images)

    monkeypatch.setattr(module, "fit", recording_fit)
    monkeypatch.setattr(module, "TorchClassifier", RecordingClassifier)
    folds = stratified_folds(dataset.train.labels, 3)
    out_of_fold_probabilities(dataset, replace(recipe, epochs=1), folds, device=cpu)
    assert len(trained) == 3
    for seen, held_out, fold in zip(trained, predicted[::2], folds, strict=True):
        assert not seen & held_out
        assert held_out == {image.tobytes() for image in dataset.train.images[fold]}
        assert len(seen) + len(held_out) == 300
    assert all(images == {image.tobytes() for image in dataset.test.images} for images in predicted[1::2])


def test_the_last_epoch_is_used_whatever_the_recipe_says(
    dataset: Dataset, recipe: Recipe, cpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected = []
    fit = module.fit

    def recording_fit(network: object, train: object, monitor: object, recipe: Recipe, **options: object) -> object:
        selected.append(recipe.select)
        return fit(network, train, monitor, recipe, **options)

    monkeypatch.setattr(module, "fit", recording_fit)
    folds = stratified_folds(dataset.train.labels, 2)
    out_of_fold_probabilities(dataset, replace(recipe, select="best", epochs=1), folds, device=cpu)
    assert selected == ["last", "last"]


def test_the_same_seed_gives_the_same_probabilities(dataset: Dataset, recipe: Recipe, cpu: Device) -> None:
    folds, short = stratified_folds(dataset.train.labels, 2), replace(recipe, epochs=1)
    first, again, other = (
        out_of_fold_probabilities(dataset, short, folds, seed=seed, device=cpu) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.train, again.train)
    assert np.array_equal(first.test, again.test)
    assert not np.allclose(first.train, other.train, atol=1e-3)
