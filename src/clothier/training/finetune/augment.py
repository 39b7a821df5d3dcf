"""Photos varied for training: another crop, mirrored, in another light. The same for the same seed and epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from clothier.recipes.photo import PhotoAugment
    from clothier.types import Images


def augment_photo(image: Images, side: int, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """A photo as it might have been taken: (H, W, 3) uint8 to (side, side, 3) uint8."""
    cut = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=_crop_box(image, augment, rng))
    pixels = np.asarray(cut)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return _color_jitter(pixels, augment, rng)


def _crop_box(image: Images, augment: PhotoAugment, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """What is kept of the picture, in pixels: left, top, right, bottom."""
    height, width = image.shape[:2]
    scale, stretch = np.sqrt(rng.uniform(augment.min_area, 1)), np.exp(rng.uniform(-augment.aspect, augment.aspect))
    wide, high = min(width, width * scale * stretch), min(height, height * scale / stretch)
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    return left, top, left + wide, top + high


def _color_jitter(pixels: Images, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """Other brightness, contrast and colour of the light, by a table for each channel."""
    bright, contrast = 1 + rng.uniform(-augment.brightness, augment.brightness, 2)
    tint = 1 + rng.uniform(-augment.color_gain, augment.color_gain, 3)
    mean = pixels.mean()
    levels = (np.arange(256)[:, None] - mean) * contrast + mean
    table = np.clip(levels * bright * tint, 0, 255).astype(np.uint8)
    return np.stack([table[:, colour][pixels[..., colour]] for colour in range(3)], axis=-1)
