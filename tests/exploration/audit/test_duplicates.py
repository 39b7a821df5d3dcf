"""Planted copies and near copies are found, and nothing else; the blocked search finds the pairs of a plain one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from clothier.errors import DataError
from clothier.exploration.audit import duplicates
from clothier.exploration.audit.duplicates import (
    CORRELATION_GRID,
    NEAR_CORRELATION,
    NEAR_PHOTO_CORRELATION,
    connected_groups,
    exact_duplicates,
    find_duplicates,
    find_similar,
    standardize,
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


def brute_force_pairs(images: np.ndarray, least: float) -> dict[tuple[int, int], float]:
    """Every pair by numpy's own correlation."""
    correlation = np.corrcoef(images.reshape(len(images), -1).astype(float))
    pairs = combinations(range(len(images)), 2)
    return {pair: correlation[pair] for pair in pairs if correlation[pair] >= least}


@pytest.mark.parametrize("least", [0.7, 0.9, 0.95])
@pytest.mark.parametrize("block", [1, 1_000, duplicates.BLOCK_PRODUCTS])
def test_all_pairs_are_found_with_any_block_size(least: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_garments(150, 3).images
    expected = brute_force_pairs(images, least)
    monkeypatch.setattr(duplicates, "BLOCK_PRODUCTS", block)
    found = find_similar(images, least)
    assert len(expected) > 10
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == set(expected)
    for first, second, correlation in zip(found.first, found.second, found.correlation, strict=True):
        assert correlation == pytest.approx(expected[int(first), int(second)], abs=1e-6)
    assert (np.diff(found.correlation) <= 0).all()


def test_few_search_dimensions_miss_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_garments(120, 4).images
    monkeypatch.setattr(duplicates, "SEARCH_DIMENSIONS", 2)
    assert len(find_similar(images, 0.9)) == len(brute_force_pairs(images, 0.9)) > 10


def test_mirrored_copies_are_found_where_they_are_asked_for() -> None:
    images = draw_garments(150, 3).images
    images[40] = images[9, :, ::-1] * 0.8
    images[41] = images[7]
    images[50] = images[50] / 2 + images[50, :, ::-1] / 2
    images[51] = images[50] * 0.9  # a symmetric pair is found once
    assert find_duplicates(images).near == ((50, 51),)
    found = find_duplicates(images, mirrored=True)
    assert (found.exact, found.near) == (((7, 41),), ((9, 40), (50, 51)))
    pairs = find_similar(images, 0.9, mirrored=True)
    expected = brute_force_pairs(np.concatenate([images, images[:, :, ::-1]]), 0.9)
    folded = [(first % 150, second % 150) for first, second in expected]
    either_way = {(min(pair), max(pair)) for pair in folded if pair[0] != pair[1]}
    assert {tuple(edge) for edge in pairs.edges.tolist()} == either_way
    assert len(pairs) == len(either_way) > len(find_similar(images, 0.9))
    is_mirrored = {tuple(edge): bool(one) for edge, one in zip(pairs.edges.tolist(), pairs.mirrored, strict=True)}
    assert (is_mirrored[9, 40], is_mirrored[7, 41]) == (True, False)
    assert (np.diff(pairs.correlation) <= 0).all()


def test_brightness_and_contrast_change_nothing() -> None:
    image = draw_garments(1, 5).images[0]
    pair = np.stack([image, (image / 3 + 40).astype(np.uint8)])
    assert find_similar(pair, 0.999).correlation == pytest.approx([1], abs=1e-3)
    assert len(find_similar(np.stack([image, 255 - image]), 0.1)) == 0


def test_images_of_one_gray_level_are_in_no_pair() -> None:
    images = np.stack([np.full((4, 4), gray, np.uint8) for gray in (0, 0, 9)])
    assert len(find_similar(images, 0.5)) == 0
    assert not standardize(images).any()


def test_one_image_has_no_pair() -> None:
    assert len(find_similar(draw_garments(1, 5).images, 0.5)) == 0


def test_images_that_are_nearly_all_the_same_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 44)
    same = np.repeat(draw_garments(1, 0).images, 10, axis=0)
    with pytest.raises(DataError, match=r"more than 44 pairs of 10 images correlate at 0\.9"):
        find_similar(same, 0.9)
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 45)
    assert len(find_similar(same, 0.9)) == 45
