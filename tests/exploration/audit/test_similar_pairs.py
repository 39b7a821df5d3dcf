"""The blocked search finds the same pairs as a plain search over all pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from clothier.errors import DataError
from clothier.exploration.audit import similar_pairs
from clothier.exploration.audit.similar_pairs import find_similar, standardize
from tests.synthetic import draw_garments


def brute_force_pairs(images: np.ndarray, least: float) -> dict[tuple[int, int], float]:
    """Every pair by numpy's own correlation."""
    correlation = np.corrcoef(images.reshape(len(images), -1).astype(float))
    pairs = combinations(range(len(images)), 2)
    return {pair: correlation[pair] for pair in pairs if correlation[pair] >= least}


@pytest.mark.parametrize("least", [0.7, 0.9, 0.95])
@pytest.mark.parametrize("block", [1, 1_000, similar_pairs.BLOCK_PRODUCTS])
def test_all_pairs_are_found_with_any_block_size(least: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_garments(150, 3).images
    expected = brute_force_pairs(images, least)
    monkeypatch.setattr(similar_pairs, "BLOCK_PRODUCTS", block)
    found = find_similar(images, least)
    assert len(expected) > 10
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == set(expected)
    for first, second, correlation in zip(found.first, found.second, found.correlation, strict=True):
        assert correlation == pytest.approx(expected[int(first), int(second)], abs=1e-6)
    assert (np.diff(found.correlation) <= 0).all()


def test_few_search_dimensions_miss_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_garments(120, 4).images
    monkeypatch.setattr(similar_pairs, "SEARCH_DIMENSIONS", 2)
    assert len(find_similar(images, 0.9)) == len(brute_force_pairs(images, 0.9)) > 10


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
    monkeypatch.setattr(similar_pairs, "MAX_PAIRS", 44)
    same = np.repeat(draw_garments(1, 0).images, 10, axis=0)
    with pytest.raises(DataError, match=r"more than 44 pairs of 10 images correlate at 0\.9"):
        find_similar(same, 0.9)
    monkeypatch.setattr(similar_pairs, "MAX_PAIRS", 45)
    assert len(find_similar(same, 0.9)) == 45
