"""Makes 528 images without a garment, the same ones each time, to measure out-of-distribution detection.

    python -m benchmarks.ood_images FOLDER      writes PNG files and labels.csv with empty labels (none of the classes)

Crops of the sample images of scikit-image and scikit-learn, rendered text, textures, gradients and noise. Samples that
show people in clothes are left out.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    RgbImage = npt.NDArray[np.uint8]
    Doubles = npt.NDArray[np.float64]

IMAGE_SIZE = 224  # pixels
SAMPLES = ("brick", "cat", "cell", "clock", "coffee", "coins", "grass", "gravel", "horse", "hubble_deep_field")
MORE_SAMPLES = ("immunohistochemistry", "logo", "moon", "page", "retina", "rocket", "text")
CROPS_PER_SAMPLE = 12  # of each sample image: 19 x 12 = 228
IMAGES_PER_KIND = 75  # of each other kind: 4 x 75 = 300
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.;:-+%&()       "))


def make_ood_images(seed: int = 0) -> dict[str, RgbImage]:
    """(224, 224, 3) uint8 images by name."""
    generator = np.random.default_rng(seed)
    images = {
        f"{name}-{index}": crop(sample, generator)
        for name, sample in sample_images()
        for index in range(CROPS_PER_SAMPLE)
    }
    kinds: dict[str, Callable[[np.random.Generator], RgbImage]] = {
        "words": text,
        "texture": texture,
        "gradient": gradient,
        "noise": noise,
    }
    drawn = {f"{name}-{index}": draw(generator) for name, draw in kinds.items() for index in range(IMAGES_PER_KIND)}
    return images | drawn


def sample_images() -> list[tuple[str, RgbImage]]:
    """Sample images in color, by name."""
    own = [(name, _to_rgb(getattr(skimage.data, name)())) for name in SAMPLES + MORE_SAMPLES]
    return own + [(name, load_sample_image(f"{name}.jpg")) for name in ("china", "flower")]


def crop(sample: RgbImage, generator: np.random.Generator) -> RgbImage:
    """A square of 30 to 100 % of the shorter side, at a random position."""
    side = int(min(sample.shape[:2]) * generator.uniform(0.3, 1.0))
    top, left = (int(generator.integers(0, length - side + 1)) for length in sample.shape[:2])
    square = Image.fromarray(sample[top : top + side, left : left + side])
    return np.asarray(square.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))


def text(generator: np.random.Generator) -> RgbImage:
    """Lines of random letters in one color on another."""
    paper, ink = (tuple(int(part) for part in generator.integers(0, 256, 3)) for _ in range(2))
    image = Image.new("RGB", (IMAGE_SIZE, IMAGE_SIZE), paper)
    size = int(generator.integers(9, 60))
    font, draw = ImageFont.load_default(size), ImageDraw.Draw(image)
    for top in range(int(generator.integers(0, 40)), IMAGE_SIZE, int(1.4 * size)):
        draw.text((float(generator.uniform(0, 40)), top), "".join(generator.choice(LETTERS, 40)), fill=ink, font=font)
    return np.asarray(image)


def texture(generator: np.random.Generator) -> RgbImage:
    """Stripes, checks or rings of two colors."""
    across, down = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].astype(np.float64)
    angle, wave = generator.uniform(0, np.pi), generator.uniform(6, 60)  # pixels
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    round_about = np.hypot(across - generator.uniform(0, IMAGE_SIZE), down - generator.uniform(0, IMAGE_SIZE))
    waves = (
        np.sin(along * 2 * np.pi / wave),
        np.sin(beside * 2 * np.pi / wave),
        np.sin(round_about * 2 * np.pi / wave),
    )
    kind = generator.integers(0, 3)
    level = waves[0] if kind == 0 else waves[0] * waves[1] if kind == 1 else waves[2]
    return _blend_colors(_sharpen(level, generator), generator)


def gradient(generator: np.random.Generator) -> RgbImage:
    """A gradient between two colors."""
    across, down = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] / IMAGE_SIZE
    angle = generator.uniform(0, 2 * np.pi)
    return _blend_colors(np.clip(0.5 + (across - 0.5) * np.cos(angle) + (down - 0.5) * np.sin(angle), 0, 1), generator)


def noise(generator: np.random.Generator) -> RgbImage:
    """Noise whose amplitude falls with the frequency to the power of 0 (white) to 2 (clouds), gray or in color."""
    channels = int(generator.choice([1, 3]))
    rows, columns = np.fft.fftfreq(IMAGE_SIZE)[:, None], np.fft.fftfreq(IMAGE_SIZE)[None, :]
    frequency = np.maximum(np.hypot(rows, columns), 1 / IMAGE_SIZE)[..., None]
    spectrum = np.fft.fft2(generator.normal(size=(IMAGE_SIZE, IMAGE_SIZE, channels)), axes=(0, 1))
    field = np.fft.ifft2(spectrum / frequency ** generator.uniform(0, 2), axes=(0, 1)).real
    scaled = 128 + generator.uniform(20, 70) * (field - field.mean()) / field.std()
    return np.repeat(np.clip(scaled, 0, 255).astype(np.uint8), 3 // channels, axis=2)


def _blend_colors(level: Doubles, generator: np.random.Generator) -> RgbImage:
    first, second = generator.uniform(0, 255, (2, 3))
    return np.asarray(first + level[..., None] * (second - first), dtype=np.uint8)


def _sharpen(level: Doubles, generator: np.random.Generator) -> Doubles:
    """Maps waves of -1 to 1 to 0 to 1, with edges of random sharpness."""
    return np.asarray(1 / (1 + np.exp(-level * generator.uniform(1, 20))))


def _to_rgb(sample: npt.NDArray[np.generic]) -> RgbImage:
    pixels = np.asarray(sample)
    scaled = pixels if pixels.dtype == np.uint8 else (pixels * 255.0).astype(np.uint8)
    return np.repeat(scaled[..., None], 3, axis=2) if scaled.ndim == 2 else np.ascontiguousarray(scaled[..., :3])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label"])
        for name, image in make_ood_images().items():
            Image.fromarray(image).save(folder / f"{name}.png")
            rows.writerow([f"{name}.png", ""])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
