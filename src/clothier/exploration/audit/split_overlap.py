"""Duplicates by where they stand: within the training part, within the test part, or across the two.

Places count the training pictures first, then the test pictures. numpy only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.exploration.audit.duplicates import Group
    from clothier.exploration.audit.similar_pairs import SimilarPairs
    from clothier.types import Labels

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DuplicateCounts:
    """How many duplicates there are, and where.

    Attributes:
        groups: of pictures that are the same.
        images: in all groups.
        train_groups: pairs of two training pictures.
        within_test: pairs of two test pictures.
        across_splits: pairs of a training picture and a test picture.
        conflicting_groups: groups whose pictures are labelled differently; one label or the other is wrong.
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
    """Of exact duplicates: every two of a group are a pair, counted without listing them.

    Args:
        groups: of places among the N.
        labels: (N,) int64.
        n_train: how many of the N are training pictures.
    """
    train = [sum(place < n_train for place in group) for group in groups]
    sizes = list(zip(train, (len(group) - count for group, count in zip(groups, train, strict=True)), strict=True))
    return _duplicate_counts(
        groups,
        labels,
        within_train=sum(comb(a, 2) for a, _ in sizes),
        within_test=sum(comb(b, 2) for _, b in sizes),
        across=sum(a * b for a, b in sizes),
    )


def count_near_duplicates(
    groups: Sequence[Group], pairs: SimilarPairs, labels: Labels, n_train: int
) -> DuplicateCounts:
    """Of near duplicates: ``pairs`` are counted one by one, for not every two of a group need be alike.

    Args:
        groups: that ``pairs`` connect, of places among the N.
        pairs: of places among the N.
        labels: (N,) int64.
        n_train: how many of the N are training pictures.
    """
    first, second = pairs.first < n_train, pairs.second < n_train
    return _duplicate_counts(
        groups,
        labels,
        within_train=int((first & second).sum()),
        within_test=int((~first & ~second).sum()),
        across=int((first != second).sum()),
    )


def leaked_test_images(groups: Sequence[Group], n: int, n_train: int) -> Flags:
    """(n - in_train,) bool: the test pictures that share a group with a training picture."""
    repeats = np.zeros(n, bool)
    for group in groups:
        if min(group) < n_train:
            repeats[list(group)] = True
    return repeats[n_train:]


def train_groups(groups: Sequence[Group], n_train: int) -> list[Group]:
    """What each group has in the training part, where that is two pictures or more."""
    parts = (tuple(place for place in group if place < n_train) for group in groups)
    return [part for part in parts if len(part) > 1]


def _duplicate_counts(groups: Sequence[Group], labels: Labels, **pairs: int) -> DuplicateCounts:
    torn = sum(len(set(labels[list(group)].tolist())) > 1 for group in groups)
    return DuplicateCounts(len(groups), sum(map(len, groups)), **pairs, conflicting_groups=torn)
