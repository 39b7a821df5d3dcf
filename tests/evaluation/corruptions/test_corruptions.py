"""Fifteen ways in which pictures go wrong."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.synthetic import draw_garments
from clothier.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from clothier.evaluation.corruptions.blur import motion_blur
from clothier.evaluation.corruptions.geometric import flip_sides, rotate, scale, shear, turn_left, turn_right
from clothier.evaluation.corruptions.photometric import contrast, impulse_noise, inverse, saturate

if TYPE_CHECKING:
    from clothier.types import Images

KINDS = pytest.mark.parametrize("kind", CORRUPTIONS)


@pytest.fixture(scope="module")
def grey() -> Images:
    """(60, 28, 28)."""
    return draw_garments(60, seed=1).images


@pytest.fixture(scope="module")
def coloured(grey: Images) -> Images:
    """(20, 56, 56, 3): garments in a colour of their own on another."""
    garments = grey[:20].repeat(2, axis=1).repeat(2, axis=2)[..., None] / 255
    back, front = np.random.default_rng(0).integers(40, 216, (2, 20, 1, 1, 3))
    return (back + garments * (front - back)).astype(np.uint8)


def test_the_fifteen() -> None:
    assert len(CORRUPTIONS) == 15
    assert SEVERITIES == (1, 2, 3, 4, 5)
    with pytest.raises(TypeError):
        CORRUPTIONS["fog"] = contrast  # type: ignore[index]


@KINDS
@pytest.mark.parametrize("pictures", ["grey", "coloured"])
def test_a_higher_severity_is_further_from_the_original(
    kind: str, pictures: str, request: pytest.FixtureRequest
) -> None:
    images: Images = request.getfixturevalue(pictures)
    before = images.copy()
    distances = []
    for severity in SEVERITIES:
        corrupted = CORRUPTIONS[kind](images, severity, seed=3)
        assert (corrupted.shape, corrupted.dtype) == (images.shape, np.uint8)
        distances.append(float(np.abs(corrupted.astype(int) - images).mean()))
    assert distances[0] > 0.5
    assert all(low < high for low, high in pairwise(distances)), distances
    assert (images == before).all(), "what is handed in stays as it is"


@KINDS
def test_the_seed_decides(kind: str, grey: Images) -> None:
    first, again, other = (CORRUPTIONS[kind](grey, 3, seed=seed) for seed in (5, 5, 6))
    assert (first == again).all()
    certain = {"brightness", "contrast", "inverse", "saturate", "scale"}
    assert (first == other).all() == (kind in certain)


@KINDS
def test_no_pictures(kind: str, grey: Images) -> None:
    assert CORRUPTIONS[kind](grey[:0], 5, seed=0).shape == (0, 28, 28)


def test_impulses_are_black_or_white_in_every_channel(coloured: Images) -> None:
    noisy = impulse_noise(coloured, 5, seed=0)
    struck = (noisy != coloured).any(axis=-1)
    assert np.isin(noisy[struck].min(axis=-1), (0, 255)).all()
    assert struck.mean() == pytest.approx(0.27, abs=0.01)


def test_contrast_keeps_the_mean(grey: Images) -> None:
    np.testing.assert_allclose(contrast(grey, 5, seed=0).mean(axis=(1, 2)), grey.mean(axis=(1, 2)), atol=0.5)


def test_saturation_leaves_grey_colours_grey() -> None:
    grey = np.full((1, 4, 4, 3), 90, np.uint8)
    assert (saturate(grey, 5, seed=0) == 90).all()
    assert (saturate(grey[..., 0], 1, seed=0) == 135).all()


def test_the_worst_inverse_is_the_negative(grey: Images) -> None:
    assert (inverse(grey, 5, seed=0) == 255 - grey).all()


def test_a_blur_keeps_a_plain_picture() -> None:
    plain = np.full((9, 28, 28), 77, np.uint8)
    assert (motion_blur(plain, 5, seed=0) == 77).all()


def test_geometric_corruptions_keep_the_middle_and_pad_with_black() -> None:
    white = np.full((6, 29, 29), 255, np.uint8)
    for move in (shear, scale, rotate):
        moved = move(white, 5, seed=0)
        assert (moved[:, 14, 14] == 255).all()
        assert (moved[:, 0, [0, -1]].min(axis=1) == 0).all()
    assert scale(white, 5, seed=0).mean() == pytest.approx(255 / 4, rel=0.1)


def test_shear_goes_in_both_directions() -> None:
    line = np.zeros((40, 29, 29), np.uint8)
    line[:, :, 14] = 255
    tops = shear(line, 3, seed=0)[:, 4].argmax(axis=1)
    assert set(tops) == {11, 17}, "ten rows up, three columns in ten to the left or to the right"


def test_the_highest_severity_turns_all_images(grey: Images) -> None:
    assert (turn_right(turn_left(grey, 5, seed=0), 5, seed=0) == grey).all()
    assert (flip_sides(grey, 5, seed=0) == grey[:, :, ::-1]).all()
    turned = (flip_sides(grey, 2, seed=0) != grey).any(axis=(1, 2))
    worse = (flip_sides(grey, 3, seed=0) != grey).any(axis=(1, 2))
    assert (turned <= worse).all(), "a higher severity adds to those of a lower one"
