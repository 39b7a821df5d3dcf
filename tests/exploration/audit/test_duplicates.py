"""Planted copies and near copies are found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.errors import DataError
from clothier.exploration.audit.duplicates import (
    CORRELATION_GRID,
    NEAR_CORRELATION,
    NEAR_PHOTO_CORRELATION,
    connected_groups,
    exact_duplicates,
    find_duplicates,
)
from tests.synthetic import draw_garments


@pytest.fixture
def images() -> np.ndarray:
    """Forty drawn garments: 7 and 30 are 2, and 11 is 5 with another brightness and one changed pixel."""
    images = draw_garments(40, 8).images
    images[[7, 30]] = images[2]
    images[11] = images[5] * 0.7 + 6
    images[11, 0, 0] += 20
    return images


def test_what_was_planted_is_found(images: np.ndarray) -> None:
    found = find_duplicates(images)
    assert found.exact == ((2, 7, 30),)
    assert found.near == ((5, 11),)
    assert (found.near_pairs.first.tolist(), found.near_pairs.second.tolist()) == ([5], [11])
    assert NEAR_CORRELATION <= found.near_pairs.correlation[0] < 1


def test_groups_join_copies_and_near_duplicates_of_the_first(images: np.ndarray) -> None:
    images[20] = images[2] * 0.8
    found = find_duplicates(images)
    assert found.near == ((2, 20), (5, 11))
    assert found.groups_at(NEAR_CORRELATION) == ((2, 7, 20, 30), (5, 11))
    assert found.groups_at(1.0) == ((2, 7, 30),)


def test_contents_decide_what_is_a_copy_and_images_what_is_near(images: np.ndarray) -> None:
    contents = np.arange(40, dtype=np.uint8)[:, np.newaxis].copy()
    contents[13] = contents[9]
    found = find_duplicates(images, contents)
    assert found.exact == ((9, 13),)
    assert found.near == ((2, 7, 30), (5, 11))


def test_the_threshold_can_be_the_one_for_photos(images: np.ndarray) -> None:
    images[14] = np.clip(images[3] + np.random.default_rng(0).normal(0, 8, images[3].shape), 0, 255)
    assert (3, 14) not in find_duplicates(images).near
    assert (3, 14) in find_duplicates(images, min_correlation=NEAR_PHOTO_CORRELATION).near
    assert {NEAR_CORRELATION, NEAR_PHOTO_CORRELATION} <= set(CORRELATION_GRID)


def test_images_of_one_gray_level_may_be_copies(images: np.ndarray) -> None:
    images[[0, 39]] = 0
    assert find_duplicates(images).exact == ((0, 39), (2, 7, 30))


def test_images_without_any_contrast_are_refused() -> None:
    grays = np.repeat(np.arange(6, dtype=np.uint8), 9).reshape(6, 3, 3)
    with pytest.raises(DataError, match="each of the 6 images has one gray level"):
        find_duplicates(grays)


def test_equal_bytes_make_groups_in_the_order_of_their_first() -> None:
    assert exact_duplicates(np.array([[3, 1], [2, 2], [3, 1], [1, 3], [2, 2], [2, 2]], np.uint8)) == ((0, 2), (1, 4, 5))


def test_edges_connect_through_others() -> None:
    assert connected_groups(np.array([(4, 9), (1, 2), (9, 7), (0, 4), (2, 1)])) == ((0, 4, 7, 9), (1, 2))
    assert connected_groups(np.zeros((0, 2), np.int64)) == ()
