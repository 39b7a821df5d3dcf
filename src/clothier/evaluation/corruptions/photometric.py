"""Photometric corruptions, pixel by pixel: noise, brightness, contrast, saturation, inversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clothier.types import Float64Array, Floats, Images

PHOTONS = (60, 25, 12, 5, 3)  # per white pixel; fewer means more noise (ImageNet-C)
IMPULSE_FRACTION = (0.03, 0.06, 0.09, 0.17, 0.27)  # of the pixels are black or white (ImageNet-C)
BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)  # of white, added (ImageNet-C)
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)  # factor (ImageNet-C)
SATURATION = (1.5, 2.0, 3.0, 5.0, 10.0)  # factor of the distance from gray
SOLARIZE_THRESHOLD = (204, 153, 102, 51, 0)  # of 255: values at or above are inverted; with 0 all of them
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def shot_noise(images: Images, severity: int, seed: int) -> Images:
    """Poisson noise, as with few photons."""
    photons = PHOTONS[severity - 1]
    counts = np.random.default_rng(seed).poisson(images / 255 * photons)
    return to_uint8(counts * (255 / photons))


def impulse_noise(images: Images, severity: int, seed: int) -> Images:
    """Random pixels that are black or white, in every channel."""
    random = np.random.default_rng(seed).random(images.shape[:3], np.float32)
    fraction = IMPULSE_FRACTION[severity - 1]
    values = random if images.ndim == 3 else random[..., None]
    return np.where(values < fraction / 2, np.uint8(0), np.where(values < fraction, np.uint8(255), images))


def brightness(images: Images, severity: int, seed: int) -> Images:
    """Too bright."""
    del seed
    return to_uint8(images + 255 * BRIGHTNESS[severity - 1])


def contrast(images: Images, severity: int, seed: int) -> Images:
    """Too little contrast, around the mean of each image."""
    del seed
    mean = images.mean(axis=(1, 2), keepdims=True)
    return to_uint8(mean + CONTRAST[severity - 1] * (images - mean))


def saturate(images: Images, severity: int, seed: int) -> Images:
    """Too much color; the values of a grayscale image are multiplied instead."""
    del seed
    center = (images @ np.array(LUMA, np.float32))[..., None] if images.ndim == 4 else np.float32(0)
    return to_uint8(center + SATURATION[severity - 1] * (images - center))


def inverse(images: Images, severity: int, seed: int) -> Images:
    """A negative, of the brightest pixels first."""
    del seed
    return np.where(images >= SOLARIZE_THRESHOLD[severity - 1], 255 - images, images)


def to_uint8(values: Floats | Float64Array) -> Images:
    """Rounded and clipped to 0-255."""
    return np.rint(values).clip(0, 255).astype(np.uint8)
