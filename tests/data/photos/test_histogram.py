from __future__ import annotations

import numpy as np
import pytest

from clothier.data.photos.histogram import N_BINS, color_histograms


def plain(*colors: tuple[int, int, int]) -> np.ndarray:
    return np.stack([np.full((40, 40, 3), one, np.uint8) for one in colors])


def test_length_and_shape() -> None:
    found = color_histograms(np.random.default_rng(0).integers(0, 256, (3, 50, 60, 3), dtype=np.uint8))
    assert (found.shape, found.dtype) == ((3, N_BINS), np.float32)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()


def test_near_colors_are_alike_and_others_are_not() -> None:
    red, dark_red, blue = color_histograms(plain((200, 30, 30), (170, 25, 25), (30, 30, 200)))
    assert red @ dark_red > 0.7
    assert red @ blue < 0.2


def test_only_the_center_counts() -> None:
    image = plain((255, 255, 255))
    framed = image.copy()
    framed[:, :5], framed[:, -5:], framed[:, :, :5], framed[:, :, -5:] = 0, 0, 0, 0
    first, second = color_histograms(np.concatenate([image, framed]))
    assert first @ second == pytest.approx(1, abs=1e-5)


def test_gray_images_and_extreme_colors() -> None:
    gray, white = color_histograms(np.full((2, 28, 28), [[[0]], [[255]]], np.uint8))
    assert gray @ white == 0
    (vivid,) = color_histograms(plain((0, 0, 255)))
    assert vivid @ vivid == pytest.approx(1, abs=1e-5)
