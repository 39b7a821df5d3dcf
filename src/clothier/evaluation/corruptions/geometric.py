"""Geometric corruptions: shear, scale, rotation, flips. Pixels from outside the image are black."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.evaluation.corruptions.photometric import to_uint8

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.types import Float64Array, Floats, Images, Int64Array

SHEAR = (0.1, 0.2, 0.3, 0.4, 0.5)  # columns per row
SCALE = (0.9, 0.8, 0.7, 0.6, 0.5)  # factor
ANGLES = (10, 20, 30, 40, 50)  # degrees
FRACTION = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the images: a flip itself has no severity


def shear(images: Images, severity: int, seed: int) -> Images:
    """Sheared to the left or right, at random."""
    return _warp_random_direction(images, seed, lambda side: np.array([[1, 0], [side * SHEAR[severity - 1], 1]]))


def scale(images: Images, severity: int, seed: int) -> Images:
    """Smaller, in the center."""
    del seed
    return _warp(images, np.eye(2) / SCALE[severity - 1])


def rotate(images: Images, severity: int, seed: int) -> Images:
    """Rotated to the left or right, at random."""
    angle = np.deg2rad(ANGLES[severity - 1])
    cos, sin = np.cos(angle), np.sin(angle)
    return _warp_random_direction(images, seed, lambda side: np.array([[cos, -side * sin], [side * sin, cos]]))


def _on_fraction(transform: Callable[[Images], Images]) -> Callable[[Images, int, int], Images]:
    """``transform`` of a fraction of the images; a higher severity adds to the images of a lower one."""

    def corruption(images: Images, severity: int, seed: int) -> Images:
        mask = np.random.default_rng(seed).random(len(images)) < FRACTION[severity - 1]
        return np.where(mask.reshape(-1, *[1] * (images.ndim - 1)), transform(images), images)

    return corruption


flip_sides = _on_fraction(lambda images: images[:, :, ::-1])  # left to right
flip_up_down = _on_fraction(lambda images: images[:, ::-1])
turn_left = _on_fraction(lambda images: np.rot90(images, axes=(1, 2)))
turn_right = _on_fraction(lambda images: np.rot90(images, -1, axes=(1, 2)))


def _warp_random_direction(images: Images, seed: int, matrix: Callable[[int], Float64Array]) -> Images:
    """Warps each image by the matrix of a random side, -1 or 1."""
    sides = np.random.default_rng(seed).choice((-1, 1), size=len(images))
    warped = np.empty_like(images)
    for side in (-1, 1):
        warped[sides == side] = _warp(images[sides == side], matrix(side))
    return warped


def _warp(images: Images, matrix: Float64Array) -> Images:
    """Samples each pixel bilinearly at ``matrix`` times its position, (row, column) from the center."""
    height, width = images.shape[1:3]
    center = np.array([height - 1, width - 1]) / 2
    positions = np.moveaxis(np.indices((height, width)), 0, -1) - center
    rows, columns = np.moveaxis(positions @ matrix.T + center, -1, 0)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    total = np.zeros(images.shape, np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - np.abs(rows - top - down)) * (1 - np.abs(columns - left - right))
            total += _sample(images, top + down, left + right, weight.astype(np.float32))
    return to_uint8(total)


def _sample(images: Images, rows: Int64Array, columns: Int64Array, weight: Floats) -> Floats:
    """The pixels at (H, W) ``rows`` and ``columns`` times ``weight``; 0 outside the image."""
    height, width = images.shape[1:3]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    pixels = images[:, rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float32)
    weights = np.where(inside, weight, np.float32(0))
    return pixels * (weights if images.ndim == 3 else weights[..., None])
