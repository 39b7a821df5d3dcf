"""Duplicates by split: within the training split, within the test split, or across the two.

Indices count the training images first, then the test images. numpy only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.audit.duplicates import Group
    from clothier.exploration.audit.similar_pairs import SimilarPairs
    from clothier.types import BoolArray, Labels


@dataclass(frozen=True, slots=True)
class DuplicateCounts:
    """How many duplicates there are, and in which split.

    Attributes:
        groups: of images that are the same.
        images: in all groups.
        within_train: pairs of two training images.
        within_test: pairs of two test images.
        across_splits: pairs of a training image and a test image.
        conflicting_groups: groups with more than one label, of which one or the other is wrong.
    """

    groups: int
    images: int
    within_train: int
    within_test: int
    across_splits: int
    conflicting_groups: int

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.within_train + self.within_test + self.across_splits

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"pairs": self.pairs, **asdict(self)}


def count_exact_duplicates(groups: Sequence[Group], labels: Labels, n_train: int) -> DuplicateCounts:
    """Counts exact duplicates: every two images of a group are a pair, counted without listing them.

    Args:
        groups: of indices below N.
        labels: (N,) int64.
        n_train: how many of the N are training images.
    """
    train = [sum(index < n_train for index in group) for group in groups]
    test = [len(group) - n for group, n in zip(groups, train, strict=True)]
    return _duplicate_counts(
        groups,
        labels,
        within_train=sum(comb(n, 2) for n in train),
        within_test=sum(comb(n, 2) for n in test),
        across_splits=sum(a * b for a, b in zip(train, test, strict=True)),
    )


def count_near_duplicates(
    groups: Sequence[Group], pairs: SimilarPairs, labels: Labels, n_train: int
) -> DuplicateCounts:
    """Counts near duplicates one by one, because not every two images of a group need be similar.

    Args:
        groups: that ``pairs`` connect.
        pairs: of indices below N.
        labels: (N,) int64.
        n_train: how many of the N are training images.
    """
    first, second = pairs.first < n_train, pairs.second < n_train
    return _duplicate_counts(
        groups,
        labels,
        within_train=int((first & second).sum()),
        within_test=int((~first & ~second).sum()),
        across_splits=int((first != second).sum()),
    )


def leaked_test_images(groups: Sequence[Group], n: int, n_train: int) -> BoolArray:
    """(n - n_train,) bool: the test images that share a group with a training image."""
    leaked = np.zeros(n, bool)
    for group in groups:
        if min(group) < n_train:
            leaked[list(group)] = True
    return leaked[n_train:]


def train_groups(groups: Sequence[Group], n_train: int) -> list[Group]:
    """The training images of each group that has two or more of them."""
    parts = (tuple(index for index in group if index < n_train) for group in groups)
    return [part for part in parts if len(part) > 1]


def _duplicate_counts(groups: Sequence[Group], labels: Labels, **pairs: int) -> DuplicateCounts:
    conflicting = sum(len(set(labels[list(group)].tolist())) > 1 for group in groups)
    return DuplicateCounts(len(groups), sum(map(len, groups)), **pairs, conflicting_groups=conflicting)
