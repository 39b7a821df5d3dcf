"""Synthetic data: ten classes as simple shapes on black, for tests and demonstrations.

They are easier than Fashion-MNIST: a small network learns them in seconds.
"""

from __future__ import annotations

import gzip
import math
import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from clothier.data import idx_files
from clothier.data.dataset import LabeledImages
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.types import Images

SIDE = 28  # pixels
SUPERSAMPLING = 4  # drawn at this factor and averaged, for smooth outlines
NOISE_STD = 12.0  # of the texture, gray values of 255

# Polygons in pixels of 28x28, x to the right and y down; one or more for each garment.
Outline = tuple[tuple[float, float], ...]
OUTLINES: dict[str, tuple[Outline, ...]] = {
    "T-shirt/top": (((9, 4), (19, 4), (26, 9), (23, 13), (19, 11), (19, 25), (9, 25), (9, 11), (5, 13), (2, 9)),),
    "Trouser": (((9, 2), (19, 2), (20, 26), (15.5, 26), (14, 8), (12.5, 26), (8, 26)),),
    "Pullover": (
        ((9, 4), (19, 4), (24, 8), (26, 24), (22, 24), (20, 12), (20, 25), (8, 25), (8, 12), (6, 24), (2, 24), (4, 8)),
    ),
    "Dress": (((11, 2), (12.5, 5), (15.5, 5), (17, 2), (16.5, 11), (21, 26), (7, 26), (11.5, 11)),),
    "Coat": (
        ((9, 3), (13.6, 6), (13.6, 26), (7, 26), (7, 12), (5, 22), (1.5, 22), (4, 7)),
        ((19, 3), (14.4, 6), (14.4, 26), (21, 26), (21, 12), (23, 22), (26.5, 22), (24, 7)),
    ),
    "Sandal": (
        ((2, 20), (26, 16), (26, 18), (22, 19), (2, 23)),
        ((6, 19), (10, 13), (12, 13), (9, 19)),
        ((19, 17), (17, 10), (24, 9), (25, 11), (19.5, 12), (21, 17)),
    ),
    "Shirt": (
        (
            (9, 3),
            (13, 6),
            (15, 6),
            (19, 3),
            (25, 8),
            (24, 19),
            (20.5, 19),
            (20, 11),
            (20, 26),
            (8, 26),
            (8, 11),
            (7.5, 19),
            (4, 19),
            (3, 8),
        ),
    ),
    "Sneaker": (((2, 16), (8, 15), (14, 10), (19, 11), (25, 10), (26, 20), (2, 20)),),
    "Bag": (
        ((3, 12), (25, 12), (26, 25), (2, 25)),
        ((8, 12), (9, 5), (19, 5), (20, 12), (18, 12), (17.5, 7), (10.5, 7), (10, 12)),
    ),
    "Ankle boot": (((2, 19), (9, 15), (14, 12), (14, 4), (25, 4), (25, 23), (22, 23), (21, 21), (14, 23), (2, 23)),),
}


def draw_garments(n: int, seed: int) -> LabeledImages:
    """Draws ``n`` garments: the ten classes in equal numbers (to within one), in random order.

    Returns:
        Images (N, 28, 28) uint8, light on black, and labels (N,) int64 in the order of Fashion-MNIST.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(n, dtype=np.int64) % len(FASHION_MNIST_CLASSES))
    images = [_draw(OUTLINES[FASHION_MNIST_CLASSES[label]], generator) for label in labels]
    return LabeledImages(np.array(images, np.uint8).reshape(n, SIDE, SIDE), labels)


def write_synthetic_dataset(folder: Path, train: int = 600, test: int = 200, seed: int = 0) -> dict[str, str]:
    """Writes synthetic data as four gzipped IDX files and ``classes.txt``.

    Returns:
        Canonical file name to the SHA-256 of the uncompressed bytes.
    """
    splits = {
        (idx_files.TRAIN_IMAGES, idx_files.TRAIN_LABELS): draw_garments(train, 2 * seed),
        (idx_files.TEST_IMAGES, idx_files.TEST_LABELS): draw_garments(test, 2 * seed + 1),
    }
    digests = {}
    for (images, labels), split in splits.items():
        for name, array in ((images, split.images), (labels, split.labels.astype(np.uint8))):
            write_idx(folder / f"{name}.gz", array)
            digests[name] = idx_files.sha256(encode_idx(array))
    (folder / idx_files.CLASSES_FILE).write_text("\n".join(FASHION_MNIST_CLASSES) + "\n", encoding="utf-8")
    return digests


def encode_idx(array: Images) -> bytes:
    """The bytes of a uint8 array as an uncompressed IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()


def write_idx(path: Path, array: Images) -> None:
    """Writes a uint8 array as IDX, gzipped if ``path`` ends in ``.gz``; equal arrays give equal files."""
    content = encode_idx(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _draw(outlines: tuple[Outline, ...], generator: np.random.Generator) -> Images:
    """One garment with a random transform and texture."""
    transform = _random_affine(generator)
    canvas = Image.new("L", (SIDE * SUPERSAMPLING, SIDE * SUPERSAMPLING))
    brightness = generator.uniform(110, 235)
    for outline in outlines:
        ImageDraw.Draw(canvas).polygon([transform(x, y) for x, y in outline], fill=round(brightness))
    pixels = np.asarray(canvas, np.float64).reshape(SIDE, SUPERSAMPLING, SIDE, SUPERSAMPLING).mean(axis=(1, 3))
    stripes = generator.uniform(0, 30) * np.sin(np.arange(SIDE) * generator.uniform(0.4, 2.5))
    texture = stripes[:, None] + generator.normal(0, NOISE_STD, (SIDE, SIDE))
    return np.asarray(pixels + texture * (pixels / 255)).clip(0, 255).astype(np.uint8)


def _random_affine(generator: np.random.Generator) -> Callable[[float, float], tuple[float, float]]:
    """A random rotation, scaling and translation about the center, from outline to canvas coordinates."""
    angle = math.radians(generator.normal(0, 3))
    wide, high = generator.uniform(0.82, 1.02, 2)
    right, down = generator.normal(0, 0.7, 2)

    def transform(x: float, y: float) -> tuple[float, float]:
        x, y = (x - SIDE / 2) * wide, (y - SIDE / 2) * high
        rotated = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
        return (rotated[0] + right + SIDE / 2) * SUPERSAMPLING, (rotated[1] + down + SIDE / 2) * SUPERSAMPLING

    return transform
