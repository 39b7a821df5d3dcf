"""Duplicates by split: within the training split, within the test split, or across the two.

Indices count the training images first, then the test images. numpy only.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.audit.duplicates import Group, SimilarPairs
    from clothier.types import BoolArray, Labels


def count_duplicates(
    groups: Sequence[Group], labels: Labels, n_train: int, pairs: SimilarPairs | None = None
) -> dict[str, int]:
    """Counts duplicates, as ``--json`` prints them.

    Args:
        groups: of indices below N.
        labels: (N,) int64.
        n_train: how many of the N are training images.
        pairs: that connect the groups, where not every two images of a group are similar; None counts every two.

    Returns:
        ``pairs``, ``groups``, ``images`` in groups, pairs ``within_train``, ``within_test`` and ``across_splits``, and
        ``conflicting_groups``, which have more than one label.
    """
    if pairs is None:
        train = [sum(index < n_train for index in group) for group in groups]
        test = [len(group) - n for group, n in zip(groups, train, strict=True)]
        within_train, within_test = (sum(comb(n, 2) for n in sizes) for sizes in (train, test))
        across = sum(a * b for a, b in zip(train, test, strict=True))
    else:
        first, second = pairs.first < n_train, pairs.second < n_train
        within_train, within_test = int((first & second).sum()), int((~first & ~second).sum())
        across = int((first != second).sum())
    return {
        "pairs": within_train + within_test + across,
        "groups": len(groups),
        "images": sum(map(len, groups)),
        "within_train": within_train,
        "within_test": within_test,
        "across_splits": across,
        "conflicting_groups": sum(len(set(labels[list(group)].tolist())) > 1 for group in groups),
    }


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
