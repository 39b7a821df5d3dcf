"""Probabilities for training pictures from models that did not learn from them: folds held out in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.metrics import softmax
from clothier.training.device import choose
from clothier.training.networks import build
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import nn

    from clothier.data.dataset import Labelled
    from clothier.recipes import Recipe
    from clothier.training.device import Device
    from clothier.types import Floats, Images, Progress

TASK = "held-out answers"
LOOKED_AT = 1_000  # held-out pictures that an epoch's note tells of; nothing is chosen by them


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What the models of F folds say.

    Attributes:
        probabilities: (N, K) float32, rows sum to 1: of each training picture, by the model that did not see it.
        others: (M, K) float32: of pictures that no model saw, the mean of all F.
    """

    probabilities: Floats
    others: Floats


def out_of_fold(
    train: Labelled,
    others: Images,
    classes: tuple[str, ...],
    recipe: Recipe,
    folds: Sequence[npt.NDArray[np.int64]],
    *,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = silent,
) -> OutOfFold:
    """Trains one network a fold, on all pictures but the fold's, and asks it about those.

    Args:
        train: N pictures and their labels.
        others: (M, H, W) uint8 pictures that no fold learns from; M may be 0.
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
    recipe = replace(recipe, keep="last")
    answers = np.empty((len(train), len(classes)), np.float32)
    mean = np.zeros((len(others), len(classes)))
    for number, held_out in enumerate(folds):
        kept = train.take(np.setdiff1d(np.arange(len(train)), held_out))
        network = build(recipe.network, kept.images, len(classes), seed + number)
        note = f"fold {number + 1} of {len(folds)}"
        done = number * recipe.epochs, len(folds) * recipe.epochs
        progress(TASK, *done, note)
        look = train.take(held_out[:LOOKED_AT])
        for record in fit(network, kept, look, recipe, seed=seed + number, device=device):
            progress(TASK, done[0] + record.epoch, done[1], f"{note}, accuracy {record.validation_accuracy:.3f}")
        answers[held_out] = _probabilities(network, train.images[held_out], classes, device)
        mean += _probabilities(network, others, classes, device) / len(folds)
    return OutOfFold(answers, mean.astype(np.float32))


def _probabilities(
    network: nn.Module, images: Images, classes: tuple[str, ...], device: Device | None
) -> npt.NDArray[np.float64]:
    if len(images) == 0:
        return np.empty((0, len(classes)))
    where = replace(device or choose(), precision="float32")  # a rank among thousands is finer than bfloat16
    return softmax(TorchClassifier(network, classes, device=where).run(images).logits)
