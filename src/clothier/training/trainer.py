"""The training loop: a generator of epochs.

    for record in fit(network, train, validation, recipe):
        print(record.epoch, record.validation_accuracy)

It knows no terminal, no file and no report. Stop early with ``break``; what is learnt so far is in the network.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from clothier.errors import UsageError
from clothier.training.batches import Batches
from clothier.training.ddp import Team
from clothier.training.device import Device, choose, keep_memory
from clothier.training.optimizers import make_optimizers
from clothier.training.schedules import rate
from clothier.training.torch_classifier import BATCH, looking, scaled
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from clothier.data.dataset import Labelled
    from clothier.recipes import Recipe
    from clothier.training.batches import Batch
    from clothier.training.distillation.soft_targets import Answers


@dataclass
class Training:
    """Everything that changes while a network is trained, and so everything that a checkpoint must hold.

    Chance is not in it: each epoch draws from a stream of its own, made from the seed and the epoch's number, so that
    an epoch goes the same way whether the ones before it ran in this process or in one that was killed.
    """

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    losses: torch.Tensor = field(default_factory=lambda: torch.empty(0))  # (N,) nats, when last seen as themselves
    epoch: int = 0
    steps: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        """As plain tensors, numbers, lists and dicts."""
        return {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "losses": self.losses,
            "epoch": self.epoch,
            "steps": self.steps,
            "seconds": self.seconds,
            "best_accuracy": self.best_accuracy,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up where :meth:`state_dict` was."""
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.losses, self.epoch = state["losses"], state["epoch"]
        self.steps, self.seconds = state["steps"], state["seconds"]
        self.best_accuracy, self.best_weights = state["best_accuracy"], state["best_weights"]

    def remember_best(self, accuracy: float) -> None:
        """Keeps the weights if this epoch's validation accuracy is the best so far."""
        if accuracy > self.best_accuracy:
            self.best_accuracy = accuracy
            self.best_weights = {name: value.clone() for name, value in self.network.state_dict().items()}


def begin(network: nn.Module, recipe: Recipe, device: Device) -> Training:
    """A training at its first step: the network on its device, the recipe's optimizers."""
    keep_memory()
    network.to(device.torch)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    return Training(network, make_optimizers(network, recipe.optimizer, device.dtype))


def fit(
    network: nn.Module,
    train: Labelled,
    validation: Labelled | None,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: Device | None = None,
    training: Training | None = None,
    time_limit: float | None = None,
    team: Team | None = None,
    answers: Answers | None = None,
) -> Iterator[EpochRecord]:
    """Trains, and yields a record after every epoch.

    Args:
        network: any module from (N, 1, H, W) float32 pictures in [0, 1] to (N, K) logits; trained in place.
        train: pictures to learn from.
        validation: pictures to choose by; None where there is nothing to choose, and the last epoch is kept.
        recipe: every number that decides the result, but for the network's.
        seed: of order, augmentation and dropout. Same seed, same machine and threads: same weights.
        device: where; None chooses the best here.
        training: an earlier one to go on with, as :func:`begin` or a checkpoint gave it.
        time_limit: seconds; the schedule hastens so that training ends by then with its last, calm steps.
        team: the processes that train together.
        answers: what teachers say of ``train``, to be learnt in place of its labels.

    Yields:
        One record an epoch; the network then holds that epoch's weights, and after the last one those that the
        recipe keeps. Each time it is in evaluation mode, ready for use.

    Raises:
        UsageError: the loss is no longer a number, a batch is too small to be shared among the team, or the best
            epoch is to be kept and there is nothing to tell it by.
    """
    if validation is None and recipe.keep == "best":
        raise UsageError(
            'keep = "best" needs validation pictures to tell the best epoch by; give some, or keep = "last".'
        )
    device = device or choose(recipe.precision)
    training = training or begin(network, recipe, device)
    team = team or Team()
    training.seconds = team.agree(training.seconds)
    pupil = team.wrap(network)
    batches = Batches(train, recipe, seed, device, team, answers)
    if not training.epoch:
        training.losses = torch.full((len(train),), math.inf)
    while training.epoch < recipe.epochs and not _is_over(training, time_limit):
        training.epoch += 1
        started = time.perf_counter()
        loss, accuracy, last_rate = _epoch(pupil, training, batches, recipe, device, time_limit)
        team.share_buffers(network)
        network.eval()
        validation_loss, validation_accuracy = measure(network, validation, device) if validation else (None, None)
        _require_numbers(training.epoch, loss, validation_loss)
        if recipe.keep == "best" and validation_accuracy is not None:
            training.remember_best(validation_accuracy)
        seconds = team.agree(time.perf_counter() - started)
        training.seconds += seconds
        yield EpochRecord(
            training.epoch, loss, accuracy, validation_loss, validation_accuracy, last_rate, round(seconds, 3)
        )
    if training.best_weights:
        network.load_state_dict(training.best_weights)
    network.eval()


def _epoch(
    network: nn.Module,
    training: Training,
    batches: Batches,
    recipe: Recipe,
    device: Device,
    time_limit: float | None,
) -> tuple[float, float, float]:
    """One pass: mean loss, accuracy on the batches as trained on, and the last learning rate."""
    network.train()
    started = time.perf_counter()
    totals = torch.zeros(2, device=device.torch)  # loss and right answers, summed where they are made
    losses = torch.full((len(training.losses),), math.nan, device=device.torch)
    seen = 0
    for step, batch in enumerate(batches.epoch(training.epoch, training.losses)):
        progress = batches.progress(training.epoch, step)
        if time_limit is not None:  # rank 0's clock counts: who stopped alone would leave the others waiting
            spent = batches.team.agree(training.seconds + time.perf_counter() - started)
            progress = max(progress, spent / time_limit)
        if progress >= 1 and seen:
            break
        last_rate = _set_rates(training.optimizers, recipe, progress)
        logits, loss = _step(network, training.optimizers, batch, recipe, device)
        if not batch.mixed:
            losses[batch.places] = F.cross_entropy(logits, batch.labels, reduction="none")
        totals += torch.stack((loss * len(batch.labels), (logits.argmax(1) == batch.labels).sum()))
        seen += len(batch.labels)
        training.steps += 1
    training.losses = _renewed(training.losses, losses, batches.team)
    loss, right = batches.team.total(totals).tolist()
    seen *= batches.team.size
    return loss / seen, right / seen, last_rate


def _renewed(before: torch.Tensor, losses: torch.Tensor, team: Team) -> torch.Tensor:
    """Losses of an epoch, each of its pictures seen by one of the team; where one sat out or was mixed, as before."""
    seen = team.total((~losses.isnan()).float())
    return torch.where(seen.bool(), team.total(losses.nan_to_num(0)), before.to(losses.device)).cpu()


def _step(
    network: nn.Module, optimizers: list[torch.optim.Optimizer], batch: Batch, recipe: Recipe, device: Device
) -> tuple[torch.Tensor, torch.Tensor]:
    """One batch: forward, backward, move. Returns the (n, K) logits before it, and the loss that was lowered."""
    with device.autocast():
        logits = network(scaled(batch.images).contiguous(memory_format=torch.channels_last)).float()
    loss = F.cross_entropy(logits, _wide(batch.targets, logits), label_smoothing=recipe.label_smoothing)
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return logits.detach(), loss.detach()


def _wide(targets: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Labels as they are; shares of the classes with a column for each, also for one that no picture shows."""
    return targets if targets.ndim == 1 else F.pad(targets, (0, logits.shape[1] - targets.shape[1]))


def _set_rates(optimizers: list[torch.optim.Optimizer], recipe: Recipe, progress: float) -> float:
    """Gives every group its rate; returns the first group's."""
    factor = rate(recipe.optimizer, progress)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
    return float(optimizers[0].param_groups[0]["lr"])


def _require_numbers(epoch: int, *losses: float | None) -> None:
    if not all(loss is None or math.isfinite(loss) for loss in losses):
        raise UsageError(f"training went astray in epoch {epoch}: the loss is no number. Lower the recipe's rates.")


def _is_over(training: Training, time_limit: float | None) -> bool:
    return time_limit is not None and training.epoch > 0 and training.seconds >= time_limit


def measure(network: nn.Module, data: Labelled, device: Device) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy, in the device's precision."""
    images, labels = torch.as_tensor(data.images), torch.as_tensor(data.labels)
    with looking(network, device):
        answers = [network(scaled(part.to(device.torch))).float().cpu() for part in torch.split(images, BATCH)]
    logits = torch.cat(answers)
    return float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).double().mean())
