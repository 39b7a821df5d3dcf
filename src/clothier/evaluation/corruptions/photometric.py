"""Corruptions of a picture's tones, pixel by pixel: noise, brightness, contrast, saturation, inversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Floats, Images

PHOTONS = (60, 25, 12, 5, 3)  # of a white pixel: the fewer, the coarser (ImageNet-C's)
IMPULSE_FRACTION = (0.03, 0.06, 0.09, 0.17, 0.27)  # share of pixels that are black or white (ImageNet-C's)
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)  # of white, added (ImageNet-C's)
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)  # what is left of it (ImageNet-C's)
SATURATION = (1.5, 2.0, 3.0, 5.0, 10.0)  # times as far from grey
SOLARIZE_THRESHOLD = (204, 153, 102, 51, 0)  # of 255: tones at or above are inverted, at last all of them
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def shot_noise(images: Images, severity: int, seed: int) -> Images:
    """Poisson noise: what few photons leave of a picture."""
    photons = PHOTONS[severity - 1]
    counts = np.random.default_rng(seed).poisson(images / 255 * photons)
    return to_uint8(counts * (255 / photons))


def impulse_noise(images: Images, severity: int, seed: int) -> Images:
    """Pixels that are dead: black or white, in every channel."""
    lot = np.random.default_rng(seed).random(images.shape[:3], np.float32)
    share = IMPULSE_FRACTION[severity - 1]
    pixels = lot if images.ndim == 3 else lot[..., None]
    return np.where(pixels < share / 2, np.uint8(0), np.where(pixels < share, np.uint8(255), images))


def brightness(images: Images, severity: int, seed: int) -> Images:
    """Too much light."""
    del seed
    return to_uint8(images + 255 * BRIGHTNESS[severity - 1])


def contrast(images: Images, severity: int, seed: int) -> Images:
    """Too little contrast about the picture's own mean."""
    del seed
    mean = images.mean(axis=(1, 2), keepdims=True)
    return to_uint8(mean + CONTRAST[severity - 1] * (images - mean))


def saturate(images: Images, severity: int, seed: int) -> Images:
    """Too much colour; a grey picture, which has none, is driven from black to white instead."""
    del seed
    grey = images @ np.array(LUMA, np.float32) if images.ndim == 4 else np.zeros_like(images, np.float32)
    centre = grey[..., None] if images.ndim == 4 else grey
    return to_uint8(centre + SATURATION[severity - 1] * (images - centre))


def inverse(images: Images, severity: int, seed: int) -> Images:
    """A negative: of the lightest tones first, in the end of all."""
    del seed
    return np.where(images >= SOLARIZE_THRESHOLD[severity - 1], 255 - images, images)


def to_uint8(values: Floats | npt.NDArray[np.float64]) -> Images:
    """Rounded, and cut at black and white."""
    return np.rint(values).clip(0, 255).astype(np.uint8)
