"""A training set in the device's memory, dealt out anew every epoch; what has become easy may sit an epoch out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from clothier.errors import UsageError
from clothier.training import augment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import HardExampleMining, Recipe
    from clothier.training.ddp import ProcessGroup
    from clothier.training.device import Device
    from clothier.training.distillation.soft_targets import SoftTargets

MIN_PER_PROCESS = 2  # pictures a step and process: BatchNorm compares
_SEED_STRIDE = 1_000_003  # keeps the streams of chance of (seed, epoch) pairs apart


class Batch(NamedTuple):
    """What one process sees at a step.

    Attributes:
        indices: (n,) int64, where the pictures stand in the training set.
        images: (n, H, W) uint8, varied.
        labels: (n,) int64.
        targets: what is to be answered: the labels, or (n, K) float32 shares of the classes where teachers have
            answered or pictures are mixed.
        is_mixed: whether there is something of other pictures in them, so that how hard they are cannot be told.
    """

    indices: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    is_mixed: bool = False


class BatchLoader:
    """The epochs of a recipe over a training set."""

    def __init__(
        self,
        train: LabeledImages,
        recipe: Recipe,
        seed: int,
        device: Device,
        group: ProcessGroup,
        soft_targets: SoftTargets | None = None,
    ) -> None:
        self.images = torch.as_tensor(train.images).to(device.torch_device)
        self.labels = torch.as_tensor(train.labels).to(device.torch_device)
        self.batch_size = min(recipe.batch_size, len(train)) // group.world_size * group.world_size  # equal shares
        self.group = group
        self._recipe = recipe
        self._seed = seed
        if self.batch_size < MIN_PER_PROCESS * group.world_size:
            raise UsageError(
                f"a batch of {min(recipe.batch_size, len(train))} pictures is too small for {group.world_size} processes: "
                f"each needs {MIN_PER_PROCESS} or more at a step. Give more pictures or larger batches, or start fewer processes."
            )
        coins = torch.Generator().manual_seed(seed)
        self._flip_parity = torch.randint(0, 2, (len(train),), generator=coins).bool().to(device.torch_device)
        self._soft_targets = soft_targets
        self._n_classes = int(self.labels.max()) + 1

    def steps(self, epoch: int) -> int:
        """Steps of an epoch, 1 for the first; the last images of an order that fill no batch sit this one out."""
        return max(1, _epoch_size(len(self.labels), self._recipe.hard_example_mining, epoch) // self.batch_size)

    def progress(self, epoch: int, step: int) -> float:
        """The share of all steps that lies before ``step`` (0 for the first) of an epoch."""
        return (self._steps_before(epoch) + step) / self._steps_before(self._recipe.epochs + 1)

    def _steps_before(self, epoch: int) -> int:
        """Steps of all epochs before one."""
        whole = min(epoch, self._recipe.hard_example_mining.start_epoch) - 1
        return whole * self.steps(1) + (epoch - 1 - whole) * self.steps(self._recipe.hard_example_mining.start_epoch)

    def epoch(self, epoch: int, losses: torch.Tensor) -> Iterator[Batch]:
        """Varied pictures and their labels, in an order that is this epoch's own.

        A batch is varied whole and then shared: the pictures are the same, however many processes there are.

        Args:
            epoch: 1 for the first epoch.
            losses: (N,) float32, each picture's when it was last seen as itself; what an epoch leaves out is chosen by
                them.
        """
        stream = self._seed * _SEED_STRIDE + epoch
        generator = torch.Generator().manual_seed(stream)
        torch.manual_seed(
            stream * self.group.world_size + self.group.rank
        )  # dropout draws from it, each rank its own units
        order = select_hard_examples(losses, self._recipe.hard_example_mining, epoch, generator)
        for places in torch.split(order, self.batch_size)[: self.steps(epoch)]:
            batch = self._augment(places.to(self.images.device), epoch, generator)
            share = self.group.shard
            yield Batch(
                share(batch.indices), share(batch.images), share(batch.labels), share(batch.targets), batch.is_mixed
            )

    def _augment(self, indices: torch.Tensor, epoch: int, generator: torch.Generator) -> Batch:
        """The pictures at ``indices`` as epoch ``epoch`` shows them, and what is to be answered."""
        how = self._recipe.augment
        images, labels = self.images[indices], self.labels[indices]
        flips = augment.alternating_flip(self._flip_parity, epoch)[indices] if how.flip else None
        if flips is not None:
            images = augment.hflip(images, flips)
        moved = augment.random_offsets(len(indices), how.shift, generator).to(images.device) if how.shift else None
        if moved is not None:
            images = augment.translate(images, moved, how.shift)
        targets = labels if self._soft_targets is None else self._soft_targets.lookup(indices, flips, moved)
        mixture = None
        if epoch <= self._recipe.epochs - how.mix_off_epochs:
            if how.cutout:
                images = augment.cutout(images, how.cutout, generator)
            if mixture := self._mix(images, generator):
                images, targets = mixture.images, mixture.mix_targets(self._one_hot(targets))
        return Batch(indices, images, labels, targets, is_mixed=mixture is not None)

    def _mix(self, images: torch.Tensor, generator: torch.Generator) -> augment.MixedBatch | None:
        """The batch as the recipe mixes it, this time by rectangles, by blending, or not at all."""
        how = self._recipe.augment
        if how.cutmix and float(torch.rand((), generator=generator)) < how.cutmix:
            return augment.cutmix(images, generator)
        return augment.mixup(images, how.mixup, generator) if how.mixup else None

    def _one_hot(self, targets: torch.Tensor) -> torch.Tensor:
        """(n, K) float32: labels as shares of the classes; what is so already stays."""
        return targets if targets.ndim > 1 else F.one_hot(targets, self._n_classes).float()


def select_hard_examples(
    losses: torch.Tensor, mining: HardExampleMining, epoch: int, generator: torch.Generator
) -> torch.Tensor:
    """The pictures of an epoch, in random order: all of them, or the hardest and some of the others by lot.

    Args:
        losses: (N,) float32, each picture's when it was last seen.
        mining: how many, and from which epoch on.
        epoch: of the epoch, 1 for the first.
        generator: where chance comes from.

    Returns:
        (n,) int64, n <= N, no place twice.
    """
    count = _epoch_size(len(losses), mining, epoch)
    if count == len(losses):
        return torch.randperm(count, generator=generator)
    easy_first = torch.argsort(losses.cpu(), stable=True)
    hard = round(count * (1 - mining.random_fraction))
    rest = easy_first[: len(losses) - hard]
    lot = rest[torch.randperm(len(rest), generator=generator)[: count - hard]]
    together = torch.cat((easy_first[len(losses) - hard :], lot))
    return together[torch.randperm(count, generator=generator)]


def _epoch_size(n_images: int, mining: HardExampleMining, epoch: int) -> int:
    """How many of N pictures an epoch trains on."""
    return n_images if epoch < mining.start_epoch else max(1, round(n_images * mining.fraction))
