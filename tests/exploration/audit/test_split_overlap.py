"""Pairs are counted by split, as listing them would."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from clothier.exploration.audit.duplicates import SimilarPairs
from clothier.exploration.audit.split_overlap import count_duplicates, leaked_test_images, train_groups

GROUPS = ((0, 1, 6, 9), (3, 4), (7, 8), (2, 5))
LABELS = np.array([1, 1, 0, 0, 2, 0, 1, 1, 1, 1])
N_TRAIN = 6


def brute_force_counts() -> dict[str, int]:
    sides = [(a < N_TRAIN) + (b < N_TRAIN) for group in GROUPS for a, b in combinations(group, 2)]
    return {"within_train": sides.count(2), "within_test": sides.count(0), "across_splits": sides.count(1)}


def test_exact_duplicates_are_counted_by_group() -> None:
    assert count_duplicates(GROUPS, LABELS, N_TRAIN) == {
        "pairs": 9,
        "groups": 4,
        "images": 10,
        **brute_force_counts(),
        "conflicting_groups": 1,
    }


def test_near_pairs_are_counted_one_by_one() -> None:
    first, second = np.array([[0, 1], [1, 6], [6, 9], [3, 4], [7, 8]]).T
    counts = count_duplicates(GROUPS[:3], LABELS, N_TRAIN, SimilarPairs(first, second, np.ones(5), np.zeros(5, bool)))
    assert list(counts.values()) == [5, 3, 8, 2, 2, 1, 1]


def test_no_groups_give_zero_counts() -> None:
    assert set(count_duplicates((), LABELS, N_TRAIN).values()) == {0}


def test_test_images_that_repeat_a_training_image_are_leaked() -> None:
    assert leaked_test_images(GROUPS, 10, N_TRAIN).tolist() == [True, False, False, True]
    assert not leaked_test_images((), 10, N_TRAIN).any()


def test_train_groups_hold_training_images_only() -> None:
    assert train_groups(GROUPS, N_TRAIN) == [(0, 1), (3, 4), (2, 5)]
