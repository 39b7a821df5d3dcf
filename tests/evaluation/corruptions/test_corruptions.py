"""The fifteen image corruptions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from clothier.evaluation.corruptions.blur import _motion_blur, motion_blur
from clothier.evaluation.corruptions.geometric import flip_sides, rotate, scale, shear, turn_left, turn_right
from clothier.evaluation.corruptions.photometric import contrast, impulse_noise, inverse, saturate
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from clothier.types import Images

KINDS = pytest.mark.parametrize("kind", CORRUPTIONS)


@pytest.fixture(scope="module")
def gray() -> Images:
    """(60, 28, 28)."""
    return draw_garments(60, seed=1).images


@pytest.fixture(scope="module")
def colored(gray: Images) -> Images:
    """(20, 56, 56, 3): garments of one color on a background of another."""
    masks = gray[:20].repeat(2, axis=1).repeat(2, axis=2)[..., None] / 255
    back, front = np.random.default_rng(0).integers(40, 216, (2, 20, 1, 1, 3))
    return (back + masks * (front - back)).astype(np.uint8)


def test_names_and_severities() -> None:
    assert len(CORRUPTIONS) == 15
    assert SEVERITIES == (1, 2, 3, 4, 5)
    with pytest.raises(TypeError):
        CORRUPTIONS["fog"] = contrast  # type: ignore[index]


@KINDS
@pytest.mark.parametrize("fixture", ["gray", "colored"])
def test_a_higher_severity_is_further_from_the_original(
    kind: str, fixture: str, request: pytest.FixtureRequest
) -> None:
    images: Images = request.getfixturevalue(fixture)
    before = images.copy()
    distances = []
    for severity in SEVERITIES:
        corrupted = CORRUPTIONS[kind](images, severity, seed=3)
        assert (corrupted.shape, corrupted.dtype) == (images.shape, np.uint8)
        distances.append(float(np.abs(corrupted.astype(int) - images).mean()))
    assert distances[0] > 0.5
    assert all(low < high for low, high in pairwise(distances)), distances
    assert (images == before).all(), "the input is unchanged"


@KINDS
def test_the_seed_determines_the_result(kind: str, gray: Images) -> None:
    first, again, other = (CORRUPTIONS[kind](gray, 3, seed=seed) for seed in (5, 5, 6))
    assert (first == again).all()
    deterministic = {"brightness", "contrast", "inverse", "saturate", "scale"}
    assert (first == other).all() == (kind in deterministic)


@KINDS
def test_no_images(kind: str, gray: Images) -> None:
    assert CORRUPTIONS[kind](gray[:0], 5, seed=0).shape == (0, 28, 28)


def test_impulses_are_black_or_white_in_every_channel(colored: Images) -> None:
    noisy = impulse_noise(colored, 5, seed=0)
    changed = (noisy != colored).any(axis=-1)
    assert np.isin(noisy[changed].min(axis=-1), (0, 255)).all()
    assert changed.mean() == pytest.approx(0.27, abs=0.01)


def test_contrast_keeps_the_mean(gray: Images) -> None:
    np.testing.assert_allclose(contrast(gray, 5, seed=0).mean(axis=(1, 2)), gray.mean(axis=(1, 2)), atol=0.5)


def test_saturation_keeps_gray_pixels_gray() -> None:
    gray = np.full((1, 4, 4, 3), 90, np.uint8)
    assert (saturate(gray, 5, seed=0) == 90).all()
    assert (saturate(gray[..., 0], 1, seed=0) == 135).all()


def test_the_highest_severity_inverts_all_pixels(gray: Images) -> None:
    assert (inverse(gray, 5, seed=0) == 255 - gray).all()


def test_motion_blur_keeps_a_uniform_image() -> None:
    plain = np.full((9, 28, 28), 77, np.uint8)
    assert (motion_blur(plain, 5, seed=0) == 77).all()


@pytest.mark.parametrize("length", [3, 5, 7, 9, 12])
def test_motion_blur_spreads_a_pixel_over_its_length_without_gaps(length: int) -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 14, 14] = 252
    for angle, rows in ((0.0, [14]), (np.pi / 2, None)):
        lit = np.argwhere(_motion_blur(image, length, angle)[0])
        along, across = (lit[:, 1], lit[:, 0]) if rows else (lit[:, 0], lit[:, 1])
        assert set(across) == {14}
        assert along.tolist() == list(range(along.min(), along.min() + length))
        assert abs(float(along.mean()) - 14) <= 0.5


def test_geometric_corruptions_keep_the_center_and_pad_with_black() -> None:
    white = np.full((6, 29, 29), 255, np.uint8)
    for corruption in (shear, scale, rotate):
        moved = corruption(white, 5, seed=0)
        assert (moved[:, 14, 14] == 255).all()
        assert (moved[:, 0, [0, -1]].min(axis=1) == 0).all()
    assert scale(white, 5, seed=0).mean() == pytest.approx(255 / 4, rel=0.1)


def test_shear_goes_in_both_directions() -> None:
    line = np.zeros((40, 29, 29), np.uint8)
    line[:, :, 14] = 255
    tops = shear(line, 3, seed=0)[:, 4].argmax(axis=1)
    assert set(tops) == {11, 17}, "ten rows above the center, three columns to the left or right"


def test_the_highest_severity_turns_and_flips_all_images(gray: Images) -> None:
    assert (turn_right(turn_left(gray, 5, seed=0), 5, seed=0) == gray).all()
    assert (flip_sides(gray, 5, seed=0) == gray[:, :, ::-1]).all()
    flipped = (flip_sides(gray, 2, seed=0) != gray).any(axis=(1, 2))
    more = (flip_sides(gray, 3, seed=0) != gray).any(axis=(1, 2))
    assert (flipped <= more).all(), "a higher severity adds to the images of a lower one"
