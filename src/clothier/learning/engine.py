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
from clothier.learning.augment import alternating, vary
from clothier.learning.classifier import BATCH, looking, scaled
from clothier.learning.device import Device, choose, keep_memory
from clothier.learning.distributed import Team
from clothier.learning.optimizers import make_optimizers
from clothier.learning.schedules import rate
from clothier.records import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from clothier.data.dataset import Labelled
    from clothier.recipes import Recipe

LEAST = 2  # pictures a step and process: BatchNorm compares
_PRIME = 1_000_003  # keeps the streams of chance of (seed, epoch) pairs apart


@dataclass
class Training:
    """Everything that changes while a network is trained, and so everything that a checkpoint must hold.

    Chance is not in it: each epoch draws from a stream of its own, made from the seed and the epoch's number, so that
    an epoch goes the same way whether the ones before it ran in this process or in one that was killed.
    """

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    epoch: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        """As plain tensors, numbers, lists and dicts."""
        return {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "epoch": self.epoch,
            "seconds": self.seconds,
            "best_accuracy": self.best_accuracy,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up where :meth:`state_dict` was."""
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.epoch, self.seconds = state["epoch"], state["seconds"]
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
    dtype = torch.bfloat16 if device.precision == "bfloat16" else torch.float32
    return Training(network, make_optimizers(network, recipe.optimizer, dtype))


def fit(
    network: nn.Module,
    train: Labelled,
    validation: Labelled,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: Device | None = None,
    training: Training | None = None,
    time_limit: float | None = None,
    team: Team | None = None,
) -> Iterator[EpochRecord]:
    """Trains, and yields a record after every epoch.

    Args:
        network: any module from (N, 1, H, W) float32 pictures in [0, 1] to (N, K) logits; trained in place.
        train: pictures to learn from.
        validation: pictures to choose by.
        recipe: every number that decides the result, but for the network's.
        seed: of order, augmentation and dropout. Same seed, same machine and threads: same weights.
        device: where; None chooses the best here.
        training: an earlier one to go on with, as :func:`begin` or a checkpoint gave it.
        time_limit: seconds; the schedule hastens so that training ends by then with its last, calm steps.
        team: the processes that train together.

    Yields:
        One record an epoch; the network then holds that epoch's weights, and after the last one those that the
        recipe keeps. Each time it is in evaluation mode, ready for use.

    Raises:
        UsageError: the loss is no longer a number, or a batch is too small to be shared among the team.
    """
    device = device or choose(recipe.precision)
    training = training or begin(network, recipe, device)
    team = team or Team()
    training.seconds = team.agree(training.seconds)
    pupil = team.wrap(network)
    batches = Batches(train, recipe, seed, device, team)
    while training.epoch < recipe.epochs and not _is_over(training, time_limit):
        training.epoch += 1
        started = time.perf_counter()
        loss, accuracy, last_rate = _epoch(pupil, training, batches, recipe, device, time_limit)
        team.share_buffers(network)
        validation_loss, validation_accuracy = measure(network.eval(), validation, device)
        _require_numbers(training.epoch, loss, validation_loss)
        if recipe.keep == "best":
            training.remember_best(validation_accuracy)
        seconds = team.agree(time.perf_counter() - started)
        training.seconds += seconds
        yield EpochRecord(
            training.epoch, loss, accuracy, validation_loss, validation_accuracy, last_rate, round(seconds, 3)
        )
    if training.best_weights:
        network.load_state_dict(training.best_weights)
    network.eval()


class Batches:
    """A training set in the device's memory, dealt out anew every epoch."""

    def __init__(self, train: Labelled, recipe: Recipe, seed: int, device: Device, team: Team) -> None:
        self.images = torch.as_tensor(train.images).to(device.torch)
        self.labels = torch.as_tensor(train.labels).to(device.torch)
        self.size = min(recipe.batch_size, len(train)) // team.size * team.size  # equal shares
        self.team = team
        self._augment = recipe.augment
        self._seed = seed
        if self.size < LEAST * team.size:
            raise UsageError(
                f"a batch of {min(recipe.batch_size, len(train))} pictures is too small for {team.size} processes: "
                f"each needs {LEAST} or more at a step. Give more pictures or larger batches, or start fewer processes."
            )
        coins = torch.Generator().manual_seed(seed)
        self._coins = torch.randint(0, 2, (len(train),), generator=coins).bool().to(device.torch)

    def __len__(self) -> int:
        """Steps an epoch; the last images of an order that fill no batch sit this one out."""
        return len(self.labels) // self.size

    def epoch(self, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Varied pictures (N, H, W) uint8 and their labels (N,), in an order that is this epoch's own.

        A batch is varied whole and then shared: the pictures are the same, however many processes there are.
        """
        stream = self._seed * _PRIME + number
        generator = torch.Generator().manual_seed(stream)
        torch.manual_seed(stream * self.team.size + self.team.rank)  # dropout draws from it, each rank its own units
        order = torch.randperm(len(self.labels), generator=generator)
        mirrored = alternating(self._coins, number) if self._augment.flip else None
        for batch in torch.split(order, self.size)[: len(self)]:
            here = batch.to(self.images.device)
            flips = None if mirrored is None else mirrored[here]
            varied = vary(self.images[here], self._augment, flips, generator)
            yield self.team.share(varied), self.team.share(self.labels[here])


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
    seen = 0
    for step, (images, labels) in enumerate(batches.epoch(training.epoch)):
        progress = (training.epoch - 1 + step / len(batches)) / recipe.epochs
        if time_limit is not None:  # rank 0's clock counts: who stopped alone would leave the others waiting
            spent = batches.team.agree(training.seconds + time.perf_counter() - started)
            progress = max(progress, spent / time_limit)
        if progress >= 1 and seen:
            break
        last_rate = _set_rates(training.optimizers, recipe, progress)
        totals += _step(network, training.optimizers, images, labels, recipe, device)
        seen += len(labels)
    loss, right = batches.team.total(totals).tolist()
    seen *= batches.team.size
    return loss / seen, right / seen, last_rate


def _step(
    network: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    device: Device,
) -> torch.Tensor:
    """One batch: forward, backward, move. Returns (2,): summed loss and number of right answers."""
    with device.autocast():
        logits = network(scaled(images).contiguous(memory_format=torch.channels_last)).float()
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    right = (logits.detach().argmax(1) == labels).sum()
    return torch.stack((loss.detach() * len(labels), right))


def _set_rates(optimizers: list[torch.optim.Optimizer], recipe: Recipe, progress: float) -> float:
    """Gives every group its rate; returns the first group's."""
    factor = rate(recipe.optimizer, progress)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
    return float(optimizers[0].param_groups[0]["lr"])


def _require_numbers(epoch: int, *losses: float) -> None:
    if not all(math.isfinite(loss) for loss in losses):
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
