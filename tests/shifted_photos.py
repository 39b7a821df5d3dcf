"""Photos like those that a model was made from, and photos of another catalogue, which it is as sure of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.bundle import SHIFT_FILE
from clothier.selective.shift import fit_shift_detector, held_out_distances
from clothier.selective.thresholds import Thresholds
from tests.color_photos import COLORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from clothier.bundle import Bundle

PHOTOGRAPHERS, PHOTOS_EACH = 24, 8
TINT, NOISE = 3.0, 9.0  # standard deviations between and within photographers, of 255
PALE = 70  # added to every color of the other catalogue


def colors(classes: npt.NDArray[np.int64], tints: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """(N, 3) colors of photos."""
    noise = np.random.default_rng(seed).normal(0, NOISE, (len(classes), 3))
    return (np.array(list(COLORS.values()))[classes] + tints + noise).clip(0, 255)


def save_shift_model(path: Path, color_bundle: Callable[..., Bundle]) -> Path:
    """A bundle that accepts all photos of its colors, and knows 24 photographers."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(PHOTOGRAPHERS), PHOTOS_EACH)
    tints = generator.normal(0, TINT, (PHOTOGRAPHERS, 3))[groups]
    features = (colors(np.arange(len(groups)) % 3, tints, 1) / 255).astype(np.float32)
    held_out = held_out_distances([features] * 2, groups % 2, np.zeros(len(groups), np.int64), groups)
    detector = fit_shift_detector(features, features, held_out, groups)
    assert detector
    thresholds = Thresholds(min_probability=0.5).to_json()
    return color_bundle(path, COLORS, extras={SHIFT_FILE: detector.to_bytes()}, thresholds=thresholds).path


def draw_catalogue(folder: Path, n: int, *, pale: bool, seed: int = 2) -> list[Path]:
    """Saves ``n`` photos; ``pale`` ones are unlike those of the model. Their names begin with the class."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = np.arange(n) % 3
    tint = np.full((n, 3), float(PALE if pale else 0))
    files = []
    for index, color in enumerate(colors(classes, tint, seed)):
        files.append(folder / f"{list(COLORS)[classes[index]]}-{index}.png")
        texture = np.random.default_rng([seed, index]).normal(0, 6, (24, 24, 3))  # otherwise photos are copies
        Image.fromarray((color + texture).clip(0, 255).astype(np.uint8)).save(files[-1])
    return files
