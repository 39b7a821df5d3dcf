"""Pairs are counted where they stand, as listing them would count."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from clothier.exploration.audit.similar_pairs import Pairs
from clothier.exploration.audit.split_overlap import repeated_in_train, tally_copies, tally_pairs, within_train

GROUPS = ((0, 1, 6, 9), (3, 4), (7, 8), (2, 5))
LABELS = np.array([1, 1, 0, 0, 2, 0, 1, 1, 1, 1])
IN_TRAIN = 6


def listed() -> dict[str, int]:
    sides = [(a < IN_TRAIN) + (b < IN_TRAIN) for group in GROUPS for a, b in combinations(group, 2)]
    return {"within_train": sides.count(2), "within_test": sides.count(0), "across": sides.count(1)}


def test_copies_are_counted_by_group() -> None:
    tally = tally_copies(GROUPS, LABELS, IN_TRAIN)
    assert tally.to_json() == {
        "pairs": 9,
        "groups": 4,
        "pictures": 10,
        **listed(),
        "groups_with_two_labels": 1,
    }


def test_near_pairs_are_counted_one_by_one() -> None:
    first, second = np.array([[0, 1], [1, 6], [6, 9], [3, 4], [7, 8]]).T
    tally = tally_pairs(GROUPS[:3], Pairs(first, second, np.ones(5)), LABELS, IN_TRAIN)
    assert (tally.within_train, tally.within_test, tally.across, tally.pairs) == (2, 2, 1, 5)
    assert (tally.groups, tally.pictures, tally.groups_with_two_labels) == (3, 8, 1)


def test_nothing_counts_nothing() -> None:
    assert set(tally_copies((), LABELS, IN_TRAIN).to_json().values()) == {0}


def test_test_pictures_repeat_what_training_has() -> None:
    assert repeated_in_train(GROUPS, 10, IN_TRAIN).tolist() == [True, False, False, True]
    assert not repeated_in_train((), 10, IN_TRAIN).any()


def test_only_training_pictures_are_kept_together() -> None:
    assert within_train(GROUPS, IN_TRAIN) == [(0, 1), (3, 4), (2, 5)]
