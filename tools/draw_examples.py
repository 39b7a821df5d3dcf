"""Draws the images in ``examples/``: garments on a floor, so that the commands of the documentation run anywhere.

    python -m tools.draw_examples

They are drawings, not photos: the bundled model was not trained on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.synthetic import OUTLINES, SIDE

if TYPE_CHECKING:
    import numpy.typing as npt

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZE = (480, 600)  # pixels
OVERSAMPLING = 3  # drawn larger, then reduced: smooth outlines
GARMENTS = {
    "trousers": ("Trouser", (95, 120, 165), (205, 200, 190), 2),
    "dress": ("Dress", (40, 120, 90), (200, 170, 130), 2),
    "ankle-boot": ("Ankle boot", (80, 50, 30), (215, 210, 200), 5),
}
"""File name to class, color of the garment, color of the floor, seed."""

Color = tuple[int, int, int]


def draw_photo(name: str, color: Color, floor: Color, seed: int) -> Image.Image:
    """A garment of a Fashion-MNIST class on a wooden floor, with folds, texture and a shadow."""
    generator = np.random.default_rng(seed)
    width, height = (side * OVERSAMPLING for side in SIZE)
    photo = _to_image(_floor(floor, width, height, generator))
    mask = _mask(name, width, height)
    shadow = mask.filter(ImageFilter.GaussianBlur(25)).point(lambda value: value // 2)
    photo.paste(Image.new("RGB", photo.size, (20, 15, 10)), (12, 18), shadow)
    photo.paste(_to_image(_cloth(color, mask, generator)), (0, 0), mask)
    return photo.resize(SIZE, Image.Resampling.LANCZOS)


def _floor(color: Color, width: int, height: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """(H, W, 3): five planks with grain along them."""
    floor = np.ones((height, width, 3)) * np.array(color)
    for gap in range(0, width, width // 5):
        floor[:, gap : gap + 6] *= 0.75
    grain = generator.normal(0, 1, (height // 24 + 1, width // 3 + 1)).repeat(24, 0).repeat(3, 1)
    return np.asarray(floor + 6 * grain[:height, :width, None])


def _mask(name: str, width: int, height: int) -> Image.Image:
    """Where the garment is: 255, elsewhere 0, with a soft edge."""
    scale = min(width, height) / (SIDE + 2)
    left, top = (width - SIDE * scale) / 2, (height - SIDE * scale) / 2
    mask = Image.new("L", (width, height))
    for outline in OUTLINES[name]:
        ImageDraw.Draw(mask).polygon([(x * scale + left, y * scale + top) for x, y in outline], fill=255)
    rounded = mask.filter(ImageFilter.GaussianBlur(8)).point(lambda value: 255 * (value > 120))
    return rounded.filter(ImageFilter.GaussianBlur(2))


def _cloth(color: Color, mask: Image.Image, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """(H, W, 3): the garment's color with folds, texture and darker edges."""
    width, height = mask.size
    y, x = np.mgrid[:height, :width]
    waves = ((9, 90, 400, 0), (7, 150, 230, 1), (5, 60, 900, 2))  # amplitude, pixels along x and along y, phase
    folds = sum(a * np.sin(x / along_x + y / along_y + phase) for a, along_x, along_y, phase in waves)
    texture = generator.normal(0, 5, (height, width, 1))
    inner = np.asarray(mask.filter(ImageFilter.GaussianBlur(40)))[..., None] / 255
    cloth = np.array(color) + np.asarray(folds)[..., None] + texture
    return np.asarray(cloth * (0.6 + 0.4 * inner))


def _to_image(pixels: npt.NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    EXAMPLES.mkdir(exist_ok=True)
    for stem, garment in GARMENTS.items():
        draw_photo(*garment).save(EXAMPLES / f"{stem}.jpg", quality=88)
