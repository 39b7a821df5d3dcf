"""A training set in the device's memory, reshuffled every epoch; easy examples may be skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from clothier.errors import UsageError
from clothier.training import augment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import HardExampleMining, Recipe
    from clothier.training.ddp import ProcessGroup
    from clothier.training.device import Device
    from clothier.training.distillation.soft_targets import SoftTargets

MIN_PER_PROCESS = 2  # images per step and process; BatchNorm needs two
_SEED_STRIDE = 1_000_003  # gives every (seed, epoch) pair its own random stream


class Batch(NamedTuple):
    """The images of one process at one step.

    Attributes:
        indices: (n,) int64, of the images in the training set.
        images: (n, H, W) uint8, augmented.
        labels: (n,) int64.
        targets: what to learn: the labels; or (n, K) float32 probabilities, with teachers or if images are mixed.
        progress: of the training before this step, 0 to 1.
        is_mixed: whether the images are mixed, so that their losses do not tell how hard they are.
    """

    indices: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    progress: float
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
        self.batch_size = min(recipe.batch_size, len(train)) // group.world_size * group.world_size  # equal shards
        self.group = group
        self._recipe = recipe
        self._seed = seed
        _check_smallest_batch(recipe, len(train), group.world_size)
        generator = torch.Generator().manual_seed(seed)
        self._flip_parity = torch.randint(0, 2, (len(train),), generator=generator).bool().to(device.torch_device)
        self._soft_targets = soft_targets
        self._n_classes = int(self.labels.max()) + 1
        # a time limit speeds the progress up: the last part of the training is unmixed, however many epochs it has
        self._mix_until = self.progress(recipe.epochs + 1 - recipe.augment.mix_off_epochs, 0)

    def steps(self, epoch: int) -> int:
        """Steps of an epoch, 1 for the first. Images left over after the last full batch are not used in it."""
        return max(1, _epoch_size(len(self.labels), self._recipe.hard_example_mining, epoch) // self.batch_size)

    def progress(self, epoch: int, step: int) -> float:
        """The fraction of all steps before ``step`` (0 for the first) of an epoch."""
        return (self._steps_before(epoch) + step) / self._steps_before(self._recipe.epochs + 1)

    def _steps_before(self, epoch: int) -> int:
        """Steps of all epochs before ``epoch``; from the mining's start epoch on they have fewer."""
        start_epoch = self._recipe.hard_example_mining.start_epoch
        full_epochs = min(epoch, start_epoch) - 1
        return full_epochs * self.steps(1) + (epoch - 1 - full_epochs) * self.steps(start_epoch)

    def epoch(self, epoch: int, losses: torch.Tensor, time_spent: Callable[[], float] | None = None) -> Iterator[Batch]:
        """Augmented images and their targets, in the random order of this epoch, 1 for the first.

        ``losses`` (N,) are the images' latest; hard examples are selected by them. ``time_spent`` is the
        fraction of the time limit, if there is one; the epoch ends where it is 1. A batch is augmented whole and then
        sharded, so the images do not depend on the number of processes.
        """
        stream = self._seed * _SEED_STRIDE + epoch
        generator = torch.Generator().manual_seed(stream)
        torch.manual_seed(stream * self.group.world_size + self.group.rank)  # for dropout, different on each rank
        order = select_hard_examples(losses, self._recipe.hard_example_mining, epoch, generator)
        order = order[: len(order) // self.group.world_size * self.group.world_size]  # equal shards of a small epoch
        shard = self.group.shard
        for step, indices in enumerate(torch.split(order, self.batch_size)[: self.steps(epoch)]):
            progress = max(self.progress(epoch, step), time_spent() if time_spent else 0.0)
            if step and progress >= 1:
                return
            batch = self._augment(indices.to(self.images.device), epoch, progress, generator)
            yield batch._replace(
                indices=shard(batch.indices),
                images=shard(batch.images),
                labels=shard(batch.labels),
                targets=shard(batch.targets),
            )

    def _augment(self, indices: torch.Tensor, epoch: int, progress: float, generator: torch.Generator) -> Batch:
        """The images at ``indices``, augmented for ``epoch``, and their targets."""
        augmentation = self._recipe.augment
        images, labels = self.images[indices], self.labels[indices]
        flips = augment.alternating_flip(self._flip_parity, epoch)[indices] if augmentation.flip else None
        if flips is not None:
            images = augment.hflip(images, flips)
        offsets, shift = None, augmentation.shift
        if shift:
            offsets = augment.random_offsets(len(indices), shift, generator).to(images.device)
            images = augment.translate(images, offsets, shift)
        targets = labels if self._soft_targets is None else self._soft_targets.lookup(indices, flips, offsets)
        mixed = None
        if progress < self._mix_until:
            if augmentation.cutout:
                images = augment.cutout(images, augmentation.cutout, generator)
            if augmentation.erasing:
                images = augment.random_erasing(images, augmentation.erasing, generator)
            if mixed := self._mix(images, generator):
                one_hot = targets if targets.ndim > 1 else F.one_hot(targets, self._n_classes).float()
                images, targets = mixed.images, mixed.mix_targets(one_hot)
        return Batch(indices, images, labels, targets, progress, is_mixed=mixed is not None)

    def _mix(self, images: torch.Tensor, generator: torch.Generator) -> augment.MixedBatch | None:
        """The batch with CutMix or mixup; None if it is not mixed."""
        augmentation = self._recipe.augment
        if augmentation.cutmix and float(torch.rand((), generator=generator)) < augmentation.cutmix:
            return augment.cutmix(images, generator)
        return augment.mixup(images, augmentation.mixup, generator) if augmentation.mixup else None


def select_hard_examples(
    losses: torch.Tensor, mining: HardExampleMining, epoch: int, generator: torch.Generator
) -> torch.Tensor:
    """The images of an epoch in random order: all of them, or the hardest and a random sample of the others.

    ``losses`` (N,) are the images' latest; the result is (n,) int64, n <= N.
    """
    count = _epoch_size(len(losses), mining, epoch)
    if count == len(losses):
        return torch.randperm(count, generator=generator)
    easy_first = torch.argsort(losses.cpu(), stable=True)
    n_hard = round(count * (1 - mining.random_fraction))
    rest = easy_first[: len(losses) - n_hard]
    sample = rest[torch.randperm(len(rest), generator=generator)[: count - n_hard]]
    selected = torch.cat((easy_first[len(losses) - n_hard :], sample))
    return selected[torch.randperm(count, generator=generator)]


def _check_smallest_batch(recipe: Recipe, n_images: int, n_processes: int) -> None:
    """Checks that each process has enough images in every step of every epoch; a UsageError if not."""
    mining, smallest = recipe.hard_example_mining, min(recipe.batch_size, n_images)
    selected = _epoch_size(n_images, mining, min(mining.start_epoch, recipe.epochs))  # the smallest epoch
    remedies = "more images, larger batches or fewer processes"
    if selected < smallest:
        smallest, remedies = selected, "more images, a larger fraction in hard_example_mining or fewer processes"
    if smallest // n_processes < MIN_PER_PROCESS:
        raise UsageError(
            f"{smallest} images are too few in a batch for {n_processes} processes: each needs {MIN_PER_PROCESS} or "
            f"more per step. Use {remedies}."
        )


def _epoch_size(n_images: int, mining: HardExampleMining, epoch: int) -> int:
    return n_images if epoch < mining.start_epoch else max(1, round(n_images * mining.fraction))
