"""Varied pictures, a whole batch at a time, in the bytes that they are stored in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F


def hflip(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(N, H, W) pictures, those mirrored left-right that ``mask``, (N,) bool, says."""
    return torch.where(mask[:, None, None], images.flip(-1), images)


def alternating_flip(flip_parity: torch.Tensor, epoch: int) -> torch.Tensor:
    """Which pictures to mirror in ``epoch``: each in every other one, where it starts is its coin's.

    Random flipping shows a picture the same way twice running half of the time; this never does
    (arXiv 2404.00498, section 3.6).

    Args:
        flip_parity: (N,) bool, one toss a picture for the whole training.
        epoch: 1 for the first.

    Returns:
        (N,) bool.
    """
    return flip_parity if epoch % 2 else ~flip_parity


def random_offsets(count: int, max_shift: int, generator: torch.Generator) -> torch.Tensor:
    """Moves up and left of ``count`` pictures, (2, count) int64, counted from 0 for ``max_shift`` pixels down and right."""
    return torch.randint(0, 2 * max_shift + 1, (2, count, 1), generator=generator)[..., 0]


def translate(images: torch.Tensor, offsets: torch.Tensor, max_shift: int) -> torch.Tensor:
    """Moves each of (N, H, W) pictures as :func:`moves` says; black comes in at the border."""
    count, height, width = images.shape
    padded = F.pad(images, (max_shift, max_shift, max_shift, max_shift))
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    pictures = torch.arange(count, device=images.device)[:, None, None]
    return padded[pictures, rows[:, :, None], columns[:, None, :]]


def cutout(images: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Blacks out a square of ``size`` pixels in each of (N, H, W) pictures; its centre lies anywhere inside."""
    count, height, width = images.shape
    top = torch.randint(0, height, (count, 1), generator=generator).to(images.device) - size // 2
    left = torch.randint(0, width, (count, 1), generator=generator).to(images.device) - size // 2
    return images.masked_fill(_rectangle_mask(images, top, left, size, size), 0)


class MixedBatch(NamedTuple):
    """Pictures with something of another one in them.

    Attributes:
        images: (N, H, W) uint8.
        permutation: (N,) int64, the other one of each, as a place in the batch.
        lam: (N,) float32, what is left of the picture itself, 0 to 1.
    """

    images: torch.Tensor
    permutation: torch.Tensor
    lam: torch.Tensor

    def mix_targets(self, targets: torch.Tensor) -> torch.Tensor:
        """(N, K) float32 shares of the classes, each mixed with its partner's as the pictures are."""
        own = self.lam[:, None]
        return own * targets + (1 - own) * targets[self.permutation]


def cutmix(images: torch.Tensor, generator: torch.Generator) -> MixedBatch:
    """CutMix (arXiv 1905.04899): each of (N, H, W) pictures gets a rectangle from the same place of another one.

    The rectangle has the picture's proportions and an area that is uniform between none and all; its centre lies
    anywhere inside, and what would stick out is cut off. What is left is 1 less its share of the area.
    """
    count, height, width = images.shape
    partners = torch.randperm(count, generator=generator).to(images.device)
    side = torch.rand((count, 1), generator=generator).to(images.device).sqrt()
    tall, wide = (side * height).round().long(), (side * width).round().long()
    top = torch.randint(0, height, (count, 1), generator=generator).to(images.device) - tall // 2
    left = torch.randint(0, width, (count, 1), generator=generator).to(images.device) - wide // 2
    inside = _rectangle_mask(images, top, left, tall, wide)
    return MixedBatch(torch.where(inside, images[partners], images), partners, 1 - inside.float().mean((1, 2)))


def mixup(images: torch.Tensor, alpha: float, generator: torch.Generator) -> MixedBatch:
    """Mixup (arXiv 1710.09412): each of (N, H, W) pictures is blended with another one, at least half of it its own."""
    partners = torch.randperm(len(images), generator=generator).to(images.device)
    chance = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))  # PyTorch's Beta knows no seed
    drawn = torch.from_numpy(chance.beta(alpha, alpha, len(images))).float().to(images.device)
    shares = torch.maximum(drawn, 1 - drawn)
    own = shares[:, None, None]
    blend = own * images + (1 - own) * images[partners]
    return MixedBatch(blend.round().to(torch.uint8), partners, shares)


def _rectangle_mask(
    images: torch.Tensor, top: torch.Tensor, left: torch.Tensor, height: torch.Tensor | int, width: torch.Tensor | int
) -> torch.Tensor:
    """(N, H, W) bool: which pixels lie in the rectangle of each picture, given as (N, 1) int64."""
    rows = torch.arange(images.shape[1], device=images.device)
    columns = torch.arange(images.shape[2], device=images.device)
    in_rows = (rows >= top) & (rows < top + height)
    in_columns = (columns >= left) & (columns < left + width)
    return in_rows[:, :, None] & in_columns[:, None, :]
