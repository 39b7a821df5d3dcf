"""Augmentation of whole batches of uint8 images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

ERASED_AREA = (0.02, 0.4)  # the smallest and the largest share of the area that random erasing fills
ERASED_RATIO = (0.3, 1 / 0.3)  # of a rectangle's height to its width


def hflip(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(N, H, W) images, flipped left-right where ``mask``, (N,) bool, is set."""
    return torch.where(mask[:, None, None], images.flip(-1), images)


def alternating_flip(flip_parity: torch.Tensor, epoch: int) -> torch.Tensor:
    """Which images to flip in ``epoch``, 1 for the first: (N,) bool, each one in every other epoch.

    Random flipping shows an image the same way twice in a row half of the time; this never does
    (arXiv 2404.00498, section 3.6). ``flip_parity`` is random for each image and the same for the whole training.
    """
    return flip_parity if epoch % 2 else ~flip_parity


def random_offsets(count: int, max_shift: int, generator: torch.Generator) -> torch.Tensor:
    """Random shifts of ``count`` images: (2, count) int64, 0 (down or right) to ``2 * max_shift`` (up or left)."""
    return torch.randint(0, 2 * max_shift + 1, (2, count, 1), generator=generator)[..., 0]


def translate(images: torch.Tensor, offsets: torch.Tensor, max_shift: int) -> torch.Tensor:
    """Shifts each of (N, H, W) images by :func:`random_offsets`; the border is filled with black."""
    count, height, width = images.shape
    padded = F.pad(images, (max_shift, max_shift, max_shift, max_shift))
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    indices = torch.arange(count, device=images.device)[:, None, None]
    return padded[indices, rows[:, :, None], columns[:, None, :]]


def cutout(images: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Blacks out a square of ``size`` pixels in each of (N, H, W) images; its center can be any pixel."""
    count, height, width = images.shape
    top = torch.randint(0, height, (count, 1), generator=generator).to(images.device) - size // 2
    left = torch.randint(0, width, (count, 1), generator=generator).to(images.device) - size // 2
    return images.masked_fill(_rectangle_mask(images, top, left, size, size), 0)


def random_erasing(images: torch.Tensor, fraction: float, generator: torch.Generator) -> torch.Tensor:
    """Fills a rectangle of about ``fraction`` of the (N, H, W) images with one gray each (arXiv 1708.04896).

    Uniform are the rectangle's share of the area (2 to 40 %), its height divided by its width (0.3 to 3.3), its place
    inside the image, and the gray.
    """
    count, height, width = images.shape
    is_erased, area, ratio, row, column, gray = torch.rand((6, count, 1), generator=generator).to(images.device)
    area = (ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * area) * height * width
    ratio = ERASED_RATIO[0] + (ERASED_RATIO[1] - ERASED_RATIO[0]) * ratio
    tall = (area * ratio).sqrt().round().long().clamp(1, height)
    wide = (area / ratio).sqrt().round().long().clamp(1, width)
    top, left = (row * (height - tall + 1)).long(), (column * (width - wide + 1)).long()
    inside = _rectangle_mask(images, top, left, tall, wide) & (is_erased < fraction)[:, :, None]
    return torch.where(inside, (gray * 256).to(torch.uint8)[:, :, None], images)


class MixedBatch(NamedTuple):
    """Images mixed with other images of the batch.

    Attributes:
        images: (N, H, W) uint8.
        permutation: (N,) int64, the index of the image that each is mixed with.
        lam: (N,) float32, the share of the original image, 0 to 1.
    """

    images: torch.Tensor
    permutation: torch.Tensor
    lam: torch.Tensor

    def mix_targets(self, targets: torch.Tensor) -> torch.Tensor:
        """(N, K) float32 class probabilities, mixed like the images."""
        own = self.lam[:, None]
        return own * targets + (1 - own) * targets[self.permutation]


def cutmix(images: torch.Tensor, generator: torch.Generator) -> MixedBatch:
    """CutMix (arXiv 1905.04899): each of (N, H, W) images gets a rectangle from the same place of another one.

    The rectangle has the image's proportions and an area that is uniform between none and all. Its center can be any
    pixel, and it is clipped at the border. ``lam`` is 1 minus its share of the area.
    """
    count, height, width = images.shape
    permutation = torch.randperm(count, generator=generator).to(images.device)
    side = torch.rand((count, 1), generator=generator).to(images.device).sqrt()
    tall, wide = (side * height).round().long(), (side * width).round().long()
    top = torch.randint(0, height, (count, 1), generator=generator).to(images.device) - tall // 2
    left = torch.randint(0, width, (count, 1), generator=generator).to(images.device) - wide // 2
    inside = _rectangle_mask(images, top, left, tall, wide)
    return MixedBatch(torch.where(inside, images[permutation], images), permutation, 1 - inside.float().mean((1, 2)))


def mixup(images: torch.Tensor, alpha: float, generator: torch.Generator) -> MixedBatch:
    """Mixup (arXiv 1710.09412): each of (N, H, W) images is blended with another one; ``lam`` is at least 0.5."""
    permutation = torch.randperm(len(images), generator=generator).to(images.device)
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))  # PyTorch's Beta takes no generator
    sampled = torch.from_numpy(rng.beta(alpha, alpha, len(images))).float().to(images.device)
    lam = torch.maximum(sampled, 1 - sampled)
    own = lam[:, None, None]
    blend = own * images + (1 - own) * images[permutation]
    return MixedBatch(blend.round().to(torch.uint8), permutation, lam)


def _rectangle_mask(
    images: torch.Tensor, top: torch.Tensor, left: torch.Tensor, height: torch.Tensor | int, width: torch.Tensor | int
) -> torch.Tensor:
    """(N, H, W) bool: which pixels are in the rectangle of each image, given as (N, 1) int64."""
    rows = torch.arange(images.shape[1], device=images.device)
    columns = torch.arange(images.shape[2], device=images.device)
    in_rows = (rows >= top) & (rows < top + height)
    in_columns = (columns >= left) & (columns < left + width)
    return in_rows[:, :, None] & in_columns[:, None, :]
