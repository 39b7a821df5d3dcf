"""Photos varied for training: another crop, mirrored, in another light. The same for the same seed and epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from clothier.recipes.photo import PhotoAugment
    from clothier.types import Images


def varied(image: Images, side: int, augment: PhotoAugment, chance: np.random.Generator) -> Images:
    """A photo as it might have been taken: (H, W, 3) uint8 to (side, side, 3) uint8."""
    cut = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=_box(image, augment, chance))
    pixels = np.asarray(cut)
    if chance.random() < 0.5:
        pixels = pixels[:, ::-1]
    return _relit(pixels, augment, chance)


def _box(image: Images, augment: PhotoAugment, chance: np.random.Generator) -> tuple[float, float, float, float]:
    """What is kept of the picture, in pixels: left, top, right, bottom."""
    height, width = image.shape[:2]
    scale, stretch = np.sqrt(chance.uniform(augment.area, 1)), np.exp(chance.uniform(-augment.stretch, augment.stretch))
    wide, high = min(width, width * scale * stretch), min(height, height * scale / stretch)
    left, top = chance.uniform(0, width - wide), chance.uniform(0, height - high)
    return left, top, left + wide, top + high


def _relit(pixels: Images, augment: PhotoAugment, chance: np.random.Generator) -> Images:
    """Other brightness, contrast and colour of the light, by a table for each channel."""
    bright, contrast = 1 + chance.uniform(-augment.light, augment.light, 2)
    tint = 1 + chance.uniform(-augment.tint, augment.tint, 3)
    mean = pixels.mean()
    levels = (np.arange(256)[:, None] - mean) * contrast + mean
    table = np.clip(levels * bright * tint, 0, 255).astype(np.uint8)
    return np.stack([table[:, colour][pixels[..., colour]] for colour in range(3)], axis=-1)
