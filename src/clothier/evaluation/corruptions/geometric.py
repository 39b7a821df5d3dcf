"""Corruptions that move a picture: sheared, small, turned, mirrored. What comes in from outside is black."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.evaluation.corruptions.photometric import to_uint8

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from clothier.types import Floats, Images

    Matrix = npt.NDArray[np.float64]

SHEAR = (0.1, 0.2, 0.3, 0.4, 0.5)  # columns a row
SCALE = (0.9, 0.8, 0.7, 0.6, 0.5)  # of the size
ANGLES = (10, 20, 30, 40, 50)
FRACTION = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the pictures: to be mirrored has no degree


def shear(images: Images, severity: int, seed: int) -> Images:
    """Slanted, each picture to the side that is drawn for it."""
    return _warp_random_direction(images, seed, lambda side: np.array([[1, 0], [side * SHEAR[severity - 1], 1]]))


def scale(images: Images, severity: int, seed: int) -> Images:
    """Smaller, in the middle."""
    del seed
    return _warp(images, np.eye(2) / SCALE[severity - 1])


def rotate(images: Images, severity: int, seed: int) -> Images:
    """Askew, each picture to the side that is drawn for it."""
    angle = np.deg2rad(ANGLES[severity - 1])
    cos, sin = np.cos(angle), np.sin(angle)
    return _warp_random_direction(images, seed, lambda side: np.array([[cos, -side * sin], [side * sin, cos]]))


def flip_sides(images: Images, severity: int, seed: int) -> Images:
    """Some mirrored, left for right."""
    return _apply_to_fraction(images, images[:, :, ::-1], severity, seed)


def flip_up_down(images: Images, severity: int, seed: int) -> Images:
    """Some mirrored, top for bottom."""
    return _apply_to_fraction(images, images[:, ::-1], severity, seed)


def turn_left(images: Images, severity: int, seed: int) -> Images:
    """Some lying on their left; pictures are square."""
    return _apply_to_fraction(images, np.rot90(images, axes=(1, 2)), severity, seed)


def turn_right(images: Images, severity: int, seed: int) -> Images:
    """Some lying on their right; pictures are square."""
    return _apply_to_fraction(images, np.rot90(images, -1, axes=(1, 2)), severity, seed)


def _apply_to_fraction(images: Images, corrupted: Images, severity: int, seed: int) -> Images:
    """``corrupted`` in place of the share of ``images`` that severity wants; a higher one adds to a lower one's."""
    lot = np.random.default_rng(seed).random(len(images)) < FRACTION[severity - 1]
    return np.where(lot.reshape(-1, *[1] * (images.ndim - 1)), corrupted, images)


def _warp_random_direction(images: Images, seed: int, matrix: Callable[[int], Matrix]) -> Images:
    """Warps each picture by the matrix of the side (-1 or 1) that is drawn for it."""
    sides = np.random.default_rng(seed).choice((-1, 1), size=len(images))
    warped = np.empty_like(images)
    for side in (-1, 1):
        warped[sides == side] = _warp(images[sides == side], matrix(side))
    return warped


def _warp(images: Images, matrix: Matrix) -> Images:
    """Looks up each pixel at ``matrix`` times its place, (row, column) from the middle, bilinearly."""
    height, width = images.shape[1:3]
    middle = np.array([height - 1, width - 1]) / 2
    places = np.moveaxis(np.indices((height, width)), 0, -1) - middle
    rows, columns = np.moveaxis(places @ matrix.T + middle, -1, 0)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    total = np.zeros(images.shape, np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - np.abs(rows - top - down)) * (1 - np.abs(columns - left - right))
            total += _sample(images, top + down, left + right, weight.astype(np.float32))
    return to_uint8(total)


def _sample(images: Images, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], weight: Floats) -> Floats:
    """The pixels at (H, W) ``rows`` and ``columns`` times ``weight``; nothing where those lie outside."""
    height, width = images.shape[1:3]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = images[:, rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float32)
    weighed = np.where(inside, weight, np.float32(0))
    return found * (weighed if images.ndim == 3 else weighed[..., None])
