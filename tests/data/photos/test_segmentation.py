import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from clothier.data.photos import segmentation, to_fashion_mnist
from clothier.data.photos.segmentation import segment_foreground


def carpet(seed: int, color: tuple[int, int, int], height: int = 400, width: int = 300) -> np.ndarray:
    """Woven in two threads, lit from one side."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    weave = 18 * np.sin(x / 3) * np.sin(y / 4) + 30 * x / width
    return np.array(color) + weave[..., None] + generator.normal(0, 8, (height, width, 3))


def photo_with_mask(ground: tuple[int, int, int], cloth: tuple[int, int, int]) -> tuple[Image.Image, np.ndarray]:
    """A shirt on a carpet, and its mask."""
    pixels = carpet(3, ground)
    where = np.zeros(pixels.shape[:2], bool)
    where[90:340, 90:210] = True
    where[90:160, 30:270] = True
    folds = 15 * np.sin(np.arange(300) / 14)
    pixels[where] = (np.array(cloth) + folds[None, :, None] + np.zeros_like(pixels))[where]
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return image, where


@pytest.mark.parametrize(
    ("ground", "cloth"),
    [((150, 120, 80), (30, 40, 110)), ((60, 50, 45), (220, 215, 210)), ((170, 165, 160), (160, 30, 40))],
    ids=["dark on brown", "light on dark", "red on gray"],
)
def test_a_garment_is_found_on_a_carpet(ground: tuple[int, int, int], cloth: tuple[int, int, int]) -> None:
    image, where = photo_with_mask(ground, cloth)
    mask = segment_foreground(image)
    assert mask is not None
    assert (mask & where).sum() / (mask | where).sum() > 0.9
    view = to_fashion_mnist(image)
    assert max(view[-8:, :3].max(), view[-8:, -3:].max()) < 25, "the carpet is gone"
    assert view[8:24, 12:16].mean() > 25, "and the shirt is there, even a white one"


def test_dark_cloth_becomes_light() -> None:
    image, _ = photo_with_mask((150, 120, 80), (30, 30, 30))
    assert to_fashion_mnist(image)[8:24, 12:16].min() > 180


@pytest.mark.parametrize("fault", [(0.99, 1.0), (0.0, 0.001)])
def test_implausible_masks_are_rejected(monkeypatch: pytest.MonkeyPatch, fault: tuple[float, float]) -> None:
    monkeypatch.setattr(segmentation, "MIN_AREA_FRACTION", fault[0])
    monkeypatch.setattr(segmentation, "MAX_AREA_FRACTION", fault[1])
    image, _ = photo_with_mask((150, 120, 80), (30, 40, 110))
    assert segment_foreground(image) is None
    assert to_fashion_mnist(image).shape == (28, 28)


def test_the_largest_component_is_kept_and_its_holes_are_filled() -> None:
    mask = np.zeros((30, 20), bool)
    mask[2:20, 2:16] = True
    mask[6:9, 6:9] = False
    mask[25:28, 3:6] = True
    found = segmentation._fill_holes(segmentation._largest_component(mask))
    assert found[2:20, 2:16].all()
    assert found.sum() == 18 * 14
    assert not segmentation._largest_component(np.zeros((4, 4), bool)).any()


@given(st.integers(8, 60), st.integers(8, 60), st.integers(0, 99), st.sampled_from(["L", "RGB"]))
def test_any_image_can_be_converted(width: int, height: int, seed: int, mode: str) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height * 4, width * 4, 3), np.uint8)
    view = to_fashion_mnist(Image.fromarray(pixels).convert(mode))
    assert (view.shape, view.dtype) == ((28, 28), np.uint8)
