"""A training set in the device's memory, dealt out anew every epoch; what has become easy may sit an epoch out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from clothier.errors import UsageError
from clothier.training import augment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.data.dataset import Labelled
    from clothier.recipes import Focus, Recipe
    from clothier.training.ddp import Team
    from clothier.training.device import Device
    from clothier.training.distillation.soft_targets import Answers

LEAST = 2  # pictures a step and process: BatchNorm compares
_PRIME = 1_000_003  # keeps the streams of chance of (seed, epoch) pairs apart


class Batch(NamedTuple):
    """What one process sees at a step.

    Attributes:
        places: (n,) int64, where the pictures stand in the training set.
        images: (n, H, W) uint8, varied.
        labels: (n,) int64.
        targets: what is to be answered: the labels, or (n, K) float32 shares of the classes where teachers have
            answered or pictures are mixed.
        mixed: whether there is something of other pictures in them, so that how hard they are cannot be told.
    """

    places: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    mixed: bool = False


class Batches:
    """The epochs of a recipe over a training set."""

    def __init__(
        self, train: Labelled, recipe: Recipe, seed: int, device: Device, team: Team, answers: Answers | None = None
    ) -> None:
        self.images = torch.as_tensor(train.images).to(device.torch)
        self.labels = torch.as_tensor(train.labels).to(device.torch)
        self.size = min(recipe.batch_size, len(train)) // team.size * team.size  # equal shares
        self.team = team
        self._recipe = recipe
        self._seed = seed
        if self.size < LEAST * team.size:
            raise UsageError(
                f"a batch of {min(recipe.batch_size, len(train))} pictures is too small for {team.size} processes: "
                f"each needs {LEAST} or more at a step. Give more pictures or larger batches, or start fewer processes."
            )
        coins = torch.Generator().manual_seed(seed)
        self._coins = torch.randint(0, 2, (len(train),), generator=coins).bool().to(device.torch)
        self._answers = answers
        self._classes = int(self.labels.max()) + 1

    def steps(self, number: int) -> int:
        """Steps of an epoch, 1 for the first; the last images of an order that fill no batch sit this one out."""
        return max(1, _taken(len(self.labels), self._recipe.focus, number) // self.size)

    def progress(self, number: int, step: int) -> float:
        """The share of all steps that lies before ``step`` (0 for the first) of an epoch."""
        return (self._steps_before(number) + step) / self._steps_before(self._recipe.epochs + 1)

    def _steps_before(self, number: int) -> int:
        """Steps of all epochs before one."""
        whole = min(number, self._recipe.focus.start) - 1
        return whole * self.steps(1) + (number - 1 - whole) * self.steps(self._recipe.focus.start)

    def epoch(self, number: int, losses: torch.Tensor) -> Iterator[Batch]:
        """Varied pictures and their labels, in an order that is this epoch's own.

        A batch is varied whole and then shared: the pictures are the same, however many processes there are.

        Args:
            number: 1 for the first epoch.
            losses: (N,) float32, each picture's when it was last seen as itself; what an epoch leaves out is chosen by
                them.
        """
        stream = self._seed * _PRIME + number
        generator = torch.Generator().manual_seed(stream)
        torch.manual_seed(stream * self.team.size + self.team.rank)  # dropout draws from it, each rank its own units
        order = chosen(losses, self._recipe.focus, number, generator)
        for places in torch.split(order, self.size)[: self.steps(number)]:
            batch = self._varied(places.to(self.images.device), number, generator)
            share = self.team.share
            yield Batch(
                share(batch.places), share(batch.images), share(batch.labels), share(batch.targets), batch.mixed
            )

    def _varied(self, places: torch.Tensor, number: int, generator: torch.Generator) -> Batch:
        """The pictures at ``places`` as epoch ``number`` shows them, and what is to be answered."""
        how = self._recipe.augment
        images, labels = self.images[places], self.labels[places]
        flips = augment.alternating(self._coins, number)[places] if how.flip else None
        if flips is not None:
            images = augment.mirrored(images, flips)
        moved = augment.moves(len(places), how.shift, generator).to(images.device) if how.shift else None
        if moved is not None:
            images = augment.shifted(images, moved, how.shift)
        targets = labels if self._answers is None else self._answers.of(places, flips, moved)
        mixture = None
        if number <= self._recipe.epochs - how.plain:
            if how.cutout:
                images = augment.blanked(images, how.cutout, generator)
            if mixture := self._mixture(images, generator):
                images, targets = mixture.images, mixture.blend(self._shares(targets))
        return Batch(places, images, labels, targets, mixed=mixture is not None)

    def _mixture(self, images: torch.Tensor, generator: torch.Generator) -> augment.Mixture | None:
        """The batch as the recipe mixes it, this time by rectangles, by blending, or not at all."""
        how = self._recipe.augment
        if how.cutmix and float(torch.rand((), generator=generator)) < how.cutmix:
            return augment.cutmix(images, generator)
        return augment.mixup(images, how.mixup, generator) if how.mixup else None

    def _shares(self, targets: torch.Tensor) -> torch.Tensor:
        """(n, K) float32: labels as shares of the classes; what is so already stays."""
        return targets if targets.ndim > 1 else F.one_hot(targets, self._classes).float()


def chosen(losses: torch.Tensor, focus: Focus, number: int, generator: torch.Generator) -> torch.Tensor:
    """The pictures of an epoch, in random order: all of them, or the hardest and some of the others by lot.

    Args:
        losses: (N,) float32, each picture's when it was last seen.
        focus: how many, and from which epoch on.
        number: of the epoch, 1 for the first.
        generator: where chance comes from.

    Returns:
        (n,) int64, n <= N, no place twice.
    """
    count = _taken(len(losses), focus, number)
    if count == len(losses):
        return torch.randperm(count, generator=generator)
    easy_first = torch.argsort(losses.cpu(), stable=True)
    hard = round(count * (1 - focus.drawn))
    rest = easy_first[: len(losses) - hard]
    lot = rest[torch.randperm(len(rest), generator=generator)[: count - hard]]
    together = torch.cat((easy_first[len(losses) - hard :], lot))
    return together[torch.randperm(count, generator=generator)]


def _taken(pictures: int, focus: Focus, number: int) -> int:
    """How many of N pictures an epoch trains on."""
    return pictures if number < focus.start else max(1, round(pictures * focus.share))
