import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothier.data.photos import center_crop, load_image, preprocess, to_fashion_mnist
from clothier.data.photos.preprocessing import VERSION
from clothier.errors import UnknownNameError
from clothier.types import InputSpec

CENTER_CROP = InputSpec("center_crop", 24, 24, 3)


def halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (12, 300), (24, 24)])
def test_center_crop_is_square(size: tuple[int, int]) -> None:
    view = center_crop(halves(*size), 24)
    assert view.shape == CENTER_CROP.shape
    assert view.dtype == np.uint8
    assert (view[:, :10, 0] > 200).all()
    assert (view[:, 14:, 2] > 200).all()


def test_gray_becomes_three_channels() -> None:
    assert (center_crop(Image.new("L", (9, 12), 77), 24) == 77).all()


def test_an_image_of_the_right_size_is_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, CENTER_CROP.shape, np.uint8)
    assert np.array_equal(center_crop(Image.fromarray(pixels), 24), pixels)


def test_pixels_are_averaged() -> None:
    checks = np.indices((480, 480)).sum(axis=0) % 2 * 255
    assert np.abs(center_crop(Image.fromarray(checks.astype(np.uint8)), 24).astype(int) - 127).max() <= 2


def test_each_kind(tmp_path: Path) -> None:
    image = halves(300, 400)
    image.save(tmp_path / "photo.png")
    assert np.array_equal(preprocess(image, InputSpec()), to_fashion_mnist(image))
    assert np.array_equal(preprocess(image, CENTER_CROP), center_crop(image, 24))
    assert np.array_equal(load_image(tmp_path / "photo.png", CENTER_CROP), center_crop(image, 24))


def test_a_jpeg_decoded_in_a_smaller_size_gives_almost_the_same_input(tmp_path: Path) -> None:
    y, x = np.mgrid[:1600, :1200]
    waves = np.stack([np.sin(x / 90) + 1, np.cos(y / 70) + 1, np.sin((x + y) / 110) + 1], axis=2) * 127
    image = Image.fromarray(waves.astype(np.uint8))
    image.save(tmp_path / "photo.jpg", quality=95)
    difference = load_image(tmp_path / "photo.jpg", CENTER_CROP).astype(int) - center_crop(image, 24)
    assert np.abs(difference).max() < 12


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'round'.*fashion_mnist, center_crop"):
        load_image(tmp_path / "x", InputSpec("round"))
    with pytest.raises(UnknownNameError, match=r"'round'.*fashion_mnist, center_crop"):
        preprocess(halves(9, 9), InputSpec("round"))


def test_photos_need_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, clothier.data.photos; print({'sklearn', 'torch', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"set()\n"


@pytest.mark.parametrize(
    ("spec", "digest"),
    [(InputSpec("center_crop", 16, 16, 3), "13d61304"), (InputSpec(), "49448732")],
)
def test_the_version_rises_when_the_pixels_change(spec: InputSpec, digest: str) -> None:
    """Stored outputs of models are reused while the version is the same."""
    y, x = np.mgrid[:60, :90]
    photo = Image.fromarray(np.stack([2 * x, 4 * y, x + y], axis=-1).astype(np.uint8))
    found = hashlib.sha256(preprocess(photo, spec).tobytes()).hexdigest()[:8]
    assert (found, VERSION) == (digest, 2), "raise VERSION in preprocessing.py, and update this test"
