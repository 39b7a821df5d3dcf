"""Blur corruptions: frosted glass, camera motion. Lengths scale with the image side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.evaluation.corruptions.photometric import to_uint8

if TYPE_CHECKING:
    from clothier.types import Floats, Images

REFERENCE_SIDE = 28  # pixels: the image side that the lengths below are given for
GLASS = ((0.3, 1, 1), (0.4, 1, 2), (0.5, 1, 3), (0.6, 2, 2), (0.7, 2, 4))  # sigma and distance in pixels, and rounds
MOTION = (3, 5, 7, 9, 12)  # pixels of camera motion
DIRECTIONS = 8  # of camera motion: half a circle, every 22.5 degrees


def glass_blur(images: Images, severity: int, seed: int) -> Images:
    """Frosted glass: pixels take the values of near pixels, between two slight blurs."""
    sigma, distance, rounds = GLASS[severity - 1]
    unit = _pixel_scale(images)
    generator = np.random.default_rng(seed)
    pixels = _gaussian(images.astype(np.float32), sigma * unit)
    for _ in range(rounds):
        pixels = _scatter(pixels, max(1, round(distance * unit)), generator)
    return to_uint8(_gaussian(pixels, sigma * unit))


def motion_blur(images: Images, severity: int, seed: int) -> Images:
    """The mean of each image along a straight line in a random direction."""
    length = MOTION[severity - 1] * _pixel_scale(images)
    directions = np.random.default_rng(seed).integers(DIRECTIONS, size=len(images))
    blurred = np.empty_like(images)
    for direction in range(DIRECTIONS):
        angle = np.pi * direction / DIRECTIONS
        blurred[directions == direction] = _motion_blur(images[directions == direction], length, angle)
    return blurred


def _pixel_scale(images: Images) -> float:
    """The size of a pixel of a 28x28 image in these images, pixels."""
    return int(images.shape[1]) / REFERENCE_SIDE


def _gaussian(pixels: Floats, sigma: float) -> Floats:
    """Gaussian blur of each image; edges are repeated. Evaluating needs no SciPy, which only the extra installs."""
    radius = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    for axis in (1, 2):
        edges = [(radius, radius) if one == axis else (0, 0) for one in range(pixels.ndim)]
        padded = np.moveaxis(np.pad(pixels, edges, mode="edge"), axis, 0)
        size = len(padded) - 2 * radius
        blurred = sum(weight * padded[start : start + size] for start, weight in enumerate(weights / weights.sum()))
        pixels = np.moveaxis(np.asarray(blurred, np.float32), 0, axis)
    return pixels


def _scatter(pixels: Floats, distance: int, generator: np.random.Generator) -> Floats:
    """Every pixel takes the value of a random one at most ``distance`` rows and columns away."""
    n, height, width = pixels.shape[:3]
    steps = generator.integers(-distance, distance, size=(2, n, height, width), endpoint=True)
    rows = (np.arange(height)[:, None] + steps[0]).clip(0, height - 1)
    columns = (np.arange(width) + steps[1]).clip(0, width - 1)
    moved: Floats = pixels[np.arange(n)[:, None, None], rows, columns]
    return moved


def _motion_blur(images: Images, length: float, angle: float) -> Images:
    """The mean of ``length`` copies, one pixel apart at ``angle``, radians; edges are repeated."""
    margin = int(np.ceil(length / 2))
    edges = ((0, 0), (margin, margin), (margin, margin), (0, 0))[: images.ndim]
    padded = np.pad(images, edges, mode="edge")
    offsets = np.arange(round(length)) - (round(length) - 1) / 2
    total = np.zeros(images.shape, np.float32)
    # not rint, which rounds the halves of an even length to even numbers, and leaves every other one out
    for down, right in np.floor(np.outer(offsets, (np.sin(angle), np.cos(angle))) + 0.5).astype(int) + margin:
        total += padded[:, down : down + images.shape[1], right : right + images.shape[2]]
    return to_uint8(total / len(offsets))
