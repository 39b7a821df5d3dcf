"""Held-out answers come from models that did not see the picture, and stand at its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

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


def test_held_out_answers_are_good_and_stand_at_their_place(
    garments: LabeledImages, others: LabeledImages, recipe: Recipe, cpu: Device
) -> None:
    told = []
    folds = stratified_folds(garments.labels, 3)
    found = out_of_fold_probabilities(
        garments,
        others.images,
        FASHION_MNIST_CLASSES,
        recipe,
        folds,
        device=cpu,
        progress=lambda task, done, total, note="": told.append((done, total, note)),
    )
    assert (found.probabilities.shape, found.extra_probabilities.shape) == ((300, 10), (100, 10))
    for answers, labels in ((found.probabilities, garments.labels), (found.extra_probabilities, others.labels)):
        assert answers.dtype == np.float32
        assert answers.sum(axis=1) == pytest.approx(np.ones(len(labels)), abs=1e-5)
        assert (answers.argmax(axis=1) == labels).mean() > 0.9
    assert [done for done, *_ in told] == [*range(7), *range(6, 13), *range(12, 19)]
    assert {total for _, total, _ in told} == {18}
    assert told[-1][2].startswith("fold 3 of 3, accuracy 0.")


def test_no_model_sees_what_it_is_asked(
    garments: LabeledImages, recipe: Recipe, cpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt, asked = [], []
    real = module.fit

    def watched(network: torch.nn.Module, train: LabeledImages, *rest: object, **options: object) -> object:
        learnt.append({image.tobytes() for image in train.images})
        return real(network, train, *rest, **options)

    class Watched(TorchClassifier):
        def run(self, images: np.ndarray) -> object:
            asked.append({image.tobytes() for image in images})
            return super().run(images)

    monkeypatch.setattr(module, "fit", watched)
    monkeypatch.setattr(module, "TorchClassifier", Watched)
    folds = stratified_folds(garments.labels, 3)
    found = out_of_fold_probabilities(
        garments, garments.images[:0], FASHION_MNIST_CLASSES, replace(recipe, epochs=1), folds, device=cpu
    )
    assert found.extra_probabilities.shape == (0, 10)
    assert len(learnt) == len(asked) == 3
    for seen, answered, fold in zip(learnt, asked, folds, strict=True):
        assert not seen & answered
        assert answered == {image.tobytes() for image in garments.images[fold]}
        assert len(seen) + len(answered) == 300


def test_the_last_epoch_is_kept_whatever_the_recipe_says(
    garments: LabeledImages, recipe: Recipe, cpu: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    real = module.fit

    def watched(network: object, train: object, look: object, recipe: Recipe, **options: object) -> object:
        kept.append(recipe.select)
        return real(network, train, look, recipe, **options)

    monkeypatch.setattr(module, "fit", watched)
    folds = stratified_folds(garments.labels, 2)
    out_of_fold_probabilities(
        garments,
        garments.images[:1],
        FASHION_MNIST_CLASSES,
        replace(recipe, select="best", epochs=1),
        folds,
        device=cpu,
    )
    assert kept == ["last", "last"]


def test_the_same_seed_gives_the_same_answers(garments: LabeledImages, recipe: Recipe, cpu: Device) -> None:
    folds = stratified_folds(garments.labels, 2)
    quick = replace(recipe, epochs=1)
    first, again, other = (
        out_of_fold_probabilities(
            garments, garments.images[:4], FASHION_MNIST_CLASSES, quick, folds, seed=seed, device=cpu
        )
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first.probabilities, again.probabilities)
    assert np.array_equal(first.extra_probabilities, again.extra_probabilities)
    assert not np.allclose(first.probabilities, other.probabilities, atol=1e-3)
