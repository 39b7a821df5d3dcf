"""Varied pictures, a whole batch at a time, in the bytes that they are stored in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from clothier.recipes import Augment


def vary(
    images: torch.Tensor, augment: Augment, mirrored: torch.Tensor | None, generator: torch.Generator
) -> torch.Tensor:
    """Shifts, mirrors and blanks a batch as a recipe says.

    Args:
        images: (N, H, W) uint8.
        augment: which variations, and how strong.
        mirrored: (N,) bool, which pictures to mirror this time; None for none.
        generator: where chance comes from.

    Returns:
        (N, H, W) uint8; ``images`` itself where there is nothing to vary.
    """
    if mirrored is not None:
        images = torch.where(mirrored[:, None, None], images.flip(-1), images)
    if augment.shift:
        images = shifted(images, augment.shift, generator)
    if augment.cutout:
        images = blanked(images, augment.cutout, generator)
    return images


def alternating(coins: torch.Tensor, epoch: int) -> torch.Tensor:
    """Which pictures to mirror in ``epoch``: each in every other one, where it starts is its coin's.

    Random flipping shows a picture the same way twice running half of the time; this never does
    (arXiv 2404.00498, section 3.6).

    Args:
        coins: (N,) bool, one toss a picture for the whole training.
        epoch: 1 for the first.

    Returns:
        (N,) bool.
    """
    return coins if epoch % 2 else ~coins


def shifted(images: torch.Tensor, limit: int, generator: torch.Generator) -> torch.Tensor:
    """Moves each of (N, H, W) pictures by up to ``limit`` pixels either way; black comes in at the border."""
    count, height, width = images.shape
    padded = F.pad(images, (limit, limit, limit, limit))
    offsets = torch.randint(0, 2 * limit + 1, (2, count, 1), generator=generator).to(images.device)
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    pictures = torch.arange(count, device=images.device)[:, None, None]
    return padded[pictures, rows[:, :, None], columns[:, None, :]]


def blanked(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Blacks out a square of ``side`` pixels in each of (N, H, W) pictures; its centre lies anywhere inside."""
    count, height, width = images.shape
    top = torch.randint(0, height, (count, 1), generator=generator).to(images.device) - side // 2
    left = torch.randint(0, width, (count, 1), generator=generator).to(images.device) - side // 2
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    in_rows = (rows >= top) & (rows < top + side)
    in_columns = (columns >= left) & (columns < left + side)
    return images.masked_fill(in_rows[:, :, None] & in_columns[:, None, :], 0)
