"""The training loop: a generator of epochs.

    for record in fit(network, train, validation, recipe):
        print(record.epoch, record.validation_accuracy)

It uses no terminal and no files. Stop early with ``break``; the network holds what was learned so far.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from clothier.errors import UsageError
from clothier.training.batches import BatchLoader
from clothier.training.ddp import ProcessGroup
from clothier.training.device import Device, select_device, tune_malloc
from clothier.training.optimizers import make_optimizers
from clothier.training.schedules import lr_factor
from clothier.training.torch_classifier import BATCH_SIZE, inference_mode, to_float
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe
    from clothier.training.batches import Batch
    from clothier.training.distillation.soft_targets import SoftTargets


@dataclass
class TrainState:
    """Everything that changes during training, and so everything that a checkpoint holds.

    It holds no random state: each epoch has its own stream, seeded by the seed and the epoch's number, so an epoch
    gives the same result whether the earlier ones ran in this process or in one that was killed.
    """

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    example_losses: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    """(N,) nats: each image's latest loss in a batch that was not mixed."""
    epoch: int = 0
    steps: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        """As plain tensors, numbers, lists and dicts."""
        return {
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`state_dict` returned."""
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for name in _PLAIN_FIELDS:
            setattr(self, name, state[name])

    def update_best(self, accuracy: float) -> None:
        """Keeps the weights if this epoch's validation accuracy is the best so far."""
        if accuracy > self.best_accuracy:
            self.best_accuracy = accuracy
            self.best_weights = {name: value.clone() for name, value in self.network.state_dict().items()}


_PLAIN_FIELDS = ("example_losses", "epoch", "steps", "seconds", "best_accuracy", "best_weights")


def init_state(network: nn.Module, recipe: Recipe, device: Device) -> TrainState:
    """A training at its first step: the network on its device, with the recipe's optimizers."""
    tune_malloc()
    network.to(device.torch_device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    return TrainState(network, make_optimizers(network, recipe.optimizer, device.dtype))


def fit(
    network: nn.Module,
    train: LabeledImages,
    validation: LabeledImages | None,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: Device | None = None,
    state: TrainState | None = None,
    time_limit: float | None = None,
    group: ProcessGroup | None = None,
    soft_targets: SoftTargets | None = None,
) -> Iterator[EpochRecord]:
    """Trains ``network`` in place, and yields a record after every epoch.

    Args:
        network: any module from (N, 1, H, W) float32 images in [0, 1] to (N, K) logits.
        train: the training images.
        validation: the validation images; None if the last epoch is selected and no metrics are needed.
        recipe: all numbers of the training, except the network's.
        seed: of order, augmentation and dropout. Same seed, machine and threads: same weights.
        device: None for the best one here.
        state: to resume from.
        time_limit: seconds; the schedule is shortened so that it still reaches its end by then.
        group: the processes that train together.
        soft_targets: the teachers' probabilities for ``train``, to learn in place of its labels.

    Yields:
        One record per epoch. The network, in evaluation mode, then holds that epoch's weights, and after the last one
        the weights that the recipe selects.

    Raises:
        UsageError: the loss is NaN or infinite, a batch is too small for the number of processes, or the best epoch
            is to be selected without validation images.
    """
    if validation is None and recipe.select == "best":
        raise UsageError('select = "best" needs validation images. Set validation, or select = "last".')
    device = device or select_device(recipe.precision)
    state = state or init_state(network, recipe, device)
    group = group or ProcessGroup()
    state.seconds = group.broadcast(state.seconds)
    ddp_model = group.wrap(network)
    batches = BatchLoader(train, recipe, seed, device, group, soft_targets)
    if not state.epoch:
        state.example_losses = torch.full((len(train),), math.inf)
    while state.epoch < recipe.epochs and not (time_limit and state.epoch and state.seconds >= time_limit):
        yield _run_epoch(ddp_model, state, batches, validation, recipe, device, time_limit)
    if state.best_weights:
        network.load_state_dict(state.best_weights)
    network.eval()


def _run_epoch(
    ddp_model: nn.Module,
    state: TrainState,
    batches: BatchLoader,
    validation: LabeledImages | None,
    recipe: Recipe,
    device: Device,
    time_limit: float | None,
) -> EpochRecord:
    """Trains for one epoch and validates."""
    network, started = state.network, time.perf_counter()
    state.epoch += 1
    loss, accuracy, last_lr = _train_epoch(ddp_model, state, batches, recipe, device, time_limit)
    batches.group.broadcast_buffers(network)
    network.eval()
    validation_loss, validation_accuracy = eval_loss(network, validation, device) if validation else (None, None)
    if not math.isfinite(loss + (validation_loss or 0)):
        raise UsageError(
            f"Training diverged in epoch {state.epoch}: the loss is NaN or infinite. Lower the learning rates."
        )
    if recipe.select == "best" and validation_accuracy is not None:
        state.update_best(validation_accuracy)
    seconds = batches.group.broadcast(time.perf_counter() - started)
    state.seconds += seconds
    return EpochRecord(state.epoch, loss, accuracy, validation_loss, validation_accuracy, last_lr, round(seconds, 3))


def _train_epoch(
    network: nn.Module,
    state: TrainState,
    batches: BatchLoader,
    recipe: Recipe,
    device: Device,
    time_limit: float | None,
) -> tuple[float, float, float]:
    """One epoch: mean loss, accuracy on the batches as trained on, and the last learning rate."""
    network.train()
    started = time.perf_counter()
    totals = torch.zeros(2, device=device.torch_device)  # loss and correct predictions
    losses = torch.full((len(state.example_losses),), math.nan, device=device.torch_device)
    seen = 0

    def time_spent() -> float:  # rank 0's clock decides: a rank that stopped alone would leave the others waiting
        return batches.group.broadcast(state.seconds + time.perf_counter() - started) / (time_limit or math.inf)

    for batch in batches.epoch(state.epoch, state.example_losses, time_spent if time_limit else None):
        last_lr = _set_learning_rates(state.optimizers, recipe, batch.progress)
        logits, loss = _train_step(network, state.optimizers, batch, recipe, device)
        if not batch.is_mixed:
            losses[batch.indices] = F.cross_entropy(logits, batch.labels, reduction="none")
        totals += torch.stack((loss * len(batch.labels), (logits.argmax(1) == batch.labels).sum()))
        seen += len(batch.labels)
        state.steps += 1
    state.example_losses = _update_losses(state.example_losses, losses, batches.group)
    loss, correct = batches.group.all_reduce(totals).tolist()
    seen *= batches.group.world_size
    return loss / seen, correct / seen, last_lr


def _update_losses(previous: torch.Tensor, losses: torch.Tensor, group: ProcessGroup) -> torch.Tensor:
    """The losses of an epoch over all ranks; an image that was left out or mixed keeps its previous loss."""
    seen = group.all_reduce((~losses.isnan()).float())
    return torch.where(seen.bool(), group.all_reduce(losses.nan_to_num(0)), previous.to(losses.device)).cpu()


def _train_step(
    network: nn.Module, optimizers: list[torch.optim.Optimizer], batch: Batch, recipe: Recipe, device: Device
) -> tuple[torch.Tensor, torch.Tensor]:
    """One optimizer step. Returns the (n, K) logits and the loss before it."""
    with device.autocast():
        logits = network(to_float(batch.images).contiguous(memory_format=torch.channels_last)).float()
    targets = batch.targets
    if targets.ndim > 1:  # probabilities may lack the last classes, if these have no training images
        targets = F.pad(targets, (0, logits.shape[1] - targets.shape[1]))
    loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return logits.detach(), loss.detach()


def _set_learning_rates(optimizers: list[torch.optim.Optimizer], recipe: Recipe, progress: float) -> float:
    """Sets the learning rate of every group; returns the first group's."""
    factor = lr_factor(recipe.optimizer, progress)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
    return float(optimizers[0].param_groups[0]["lr"])


def eval_loss(network: nn.Module, data: LabeledImages, device: Device) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy, in the device's precision."""
    images, labels = torch.as_tensor(data.images), torch.as_tensor(data.labels)
    with inference_mode(network, device):
        outputs = [
            network(to_float(part.to(device.torch_device))).float().cpu() for part in torch.split(images, BATCH_SIZE)
        ]
    logits = torch.cat(outputs)
    return float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).double().mean())
