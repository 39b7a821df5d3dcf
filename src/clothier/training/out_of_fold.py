"""Out-of-fold probabilities: each training image is predicted by a model that was not trained on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clothier.metrics import softmax
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.data.dataset import Dataset
    from clothier.recipes import Recipe
    from clothier.training.device import Device
    from clothier.types import Floats, Int64Array, Progress

TASK = "out-of-fold predictions"


class OutOfFoldProbabilities(NamedTuple):
    """(N, K) and (M, K) float32 probabilities: of training images, and of test images by the mean of all models."""

    train: Floats
    test: Floats


def out_of_fold_probabilities(
    dataset: Dataset,
    recipe: Recipe,
    folds: Sequence[Int64Array],
    *,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = no_progress,
) -> OutOfFoldProbabilities:
    """Trains one network per fold on all training images outside the fold, and predicts the fold and the test images.

    The last epoch is used, whatever ``recipe.select`` says: the held-out images must not choose the epoch. ``folds``
    are arrays of training indices; see :func:`clothier.data.splits.stratified_folds`. ``seed`` is of the first fold;
    the others count on from it.
    """
    recipe = replace(recipe, select="last")
    device = device or select_device(recipe.precision)
    exact = replace(device, precision="float32")  # bfloat16 is too coarse to rank thousands of labels
    train = np.empty((len(dataset.train), len(dataset.classes)), np.float32)
    test = np.zeros((len(dataset.test), len(dataset.classes)))
    for number, held_out in enumerate(folds):
        rest = dataset.train.subset(np.setdiff1d(np.arange(len(dataset.train)), held_out))
        network = build_network(recipe.network, rest.images, len(dataset.classes), seed + number)
        first, total, note = number * recipe.epochs, len(folds) * recipe.epochs, f"fold {number + 1} of {len(folds)}"
        progress(TASK, first, total, note)
        for record in fit(network, rest, None, recipe, seed=seed + number, device=device):
            progress(TASK, first + record.epoch, total, note)
        model = TorchClassifier(network, dataset.classes, device=exact)
        train[held_out] = softmax(model.run(dataset.train.images[held_out]).logits)
        accuracy = (train[held_out].argmax(axis=1) == dataset.train.labels[held_out]).mean()
        progress(TASK, first + recipe.epochs, total, f"{note}, accuracy {accuracy:.3f}")
        test += softmax(model.run(dataset.test.images).logits) / len(folds)
    return OutOfFoldProbabilities(train, test.astype(np.float32))
