"""Probabilities for training pictures from models that did not learn from them: folds held out in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax
from clothier.training.device import select_device
from clothier.training.networks import build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import nn

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe
    from clothier.training.device import Device
    from clothier.types import Floats, Images, Progress

TASK = "held-out answers"
MONITOR_SIZE = 1_000  # held-out pictures that an epoch's note tells of; nothing is chosen by them


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldProbabilities:
    """What the models of F folds say.

    Attributes:
        probabilities: (N, K) float32, rows sum to 1: of each training picture, by the model that did not see it.
        extra_probabilities: (M, K) float32: of pictures that no model saw, the mean of all F.
    """

    probabilities: Floats
    extra_probabilities: Floats


def out_of_fold_probabilities(
    train: LabeledImages,
    extra_images: Images,
    classes: tuple[str, ...],
    recipe: Recipe,
    folds: Sequence[npt.NDArray[np.int64]],
    *,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = no_progress,
) -> OutOfFoldProbabilities:
    """Trains one network a fold, on all pictures but the fold's, and asks it about those.

    Args:
        train: N pictures and their labels.
        extra_images: (M, H, W) uint8 pictures that no fold learns from; M may be 0.
        classes: the K names.
        recipe: of every training. Its last epoch is kept, whatever it says: what a fold is held out for must not
            choose the epoch.
        folds: F arrays of places, together all N; see :func:`clothier.data.splits.stratified_folds`.
        seed: of the first fold's weights, order and augmentation; the others count on from it.
        device: where; None chooses the best here.
        progress: told of every epoch.

    Raises:
        UsageError: the loss is no longer a number, or there are too few pictures for a step.
    """
    recipe = replace(recipe, select="last")
    answers = np.empty((len(train), len(classes)), np.float32)
    mean = np.zeros((len(extra_images), len(classes)))
    for number, held_out in enumerate(folds):
        kept = train.subset(np.setdiff1d(np.arange(len(train)), held_out))
        network = build_network(recipe.network, kept.images, len(classes), seed + number)
        note = f"fold {number + 1} of {len(folds)}"
        done = number * recipe.epochs, len(folds) * recipe.epochs
        progress(TASK, *done, note)
        look = train.subset(held_out[:MONITOR_SIZE])
        for record in fit(network, kept, look, recipe, seed=seed + number, device=device):
            progress(TASK, done[0] + record.epoch, done[1], f"{note}, accuracy {record.validation_accuracy:.3f}")
        answers[held_out] = _predict_probabilities(network, train.images[held_out], classes, device)
        mean += _predict_probabilities(network, extra_images, classes, device) / len(folds)
    return OutOfFoldProbabilities(answers, mean.astype(np.float32))


def _predict_probabilities(
    network: nn.Module, images: Images, classes: tuple[str, ...], device: Device | None
) -> npt.NDArray[np.float64]:
    if len(images) == 0:
        return np.empty((0, len(classes)))
    where = replace(device or select_device(), precision="float32")  # a rank among thousands is finer than bfloat16
    return softmax(TorchClassifier(network, classes, device=where).run(images).logits)
