"""Stratified splits of training data: a validation set, or folds for cross-validation.

Separate from :mod:`clothier.data.dataset` because it needs scikit-learn, which prediction does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.types import Int64Array, Labels

STUDY_SEED = 42  # random_state of the reference study's split


def stratified_split(labels: Labels, n_validation: int, seed: int = STUDY_SEED) -> tuple[Int64Array, Int64Array]:
    """Splits N images by their ``labels``, (N,), with scikit-learn's ``train_test_split``.

    Returns:
        Indices of the training and the validation images, (N - n_validation,) and (n_validation,) int64, shuffled.

    Raises:
        DataError: a class has fewer than two images, or a set has fewer images than classes.
    """
    _check_split(labels, n_validation)
    indices = np.arange(len(labels))
    train, validation = train_test_split(indices, test_size=n_validation, stratify=labels, random_state=seed)
    return train, validation


def grouped_split(labels: Labels, groups: Int64Array, fraction: float, seed: int) -> tuple[Int64Array, Int64Array]:
    """Splits N images by their ``labels`` and ``groups``, both (N,); all images of a group are in one part.

    ``fraction`` of each class is held out, or as near as the groups allow: half of two groups. Images that all belong
    to one group are split without regard to it.

    Returns:
        The sorted indices of the other images and of those held out, int64.

    Raises:
        ValueError: no class has as many images as there are parts, 1 / ``fraction``.
    """
    n_groups = len(np.unique(groups))
    if 1 < n_groups < len(groups):
        splitter = StratifiedGroupKFold(min(round(1 / fraction), n_groups), shuffle=True, random_state=seed)
        train, held_out = next(splitter.split(labels, labels, groups))
    else:
        folds = StratifiedKFold(round(1 / fraction), shuffle=True, random_state=seed)
        train, held_out = next(folds.split(labels, labels))
    return np.sort(train), np.sort(held_out)


def stratified_folds(
    labels: Labels, n_folds: int, seed: int = 0, groups: Iterable[tuple[int, ...]] = ()
) -> tuple[Int64Array, ...]:
    """Divides N images by their ``labels``, (N,), into folds with equal class counts (to within the size of a group).

    The disjoint ``groups`` of indices, such as duplicates, stay in one fold.

    Returns:
        The sorted indices of each fold, about (N / n_folds,) int64.

    Raises:
        DataError: a class has too few images, groups counted once, to be in every fold.
    """
    representatives = np.arange(len(labels))
    for group in groups:
        representatives[list(group)] = group[0]
    generator, fold_of, assigned = np.random.default_rng(seed), np.empty(len(labels), np.int64), 0
    is_representative = representatives == np.arange(len(labels))
    for label in np.unique(labels):
        indices = generator.permutation(np.flatnonzero((labels == label) & is_representative))
        _check_folds(int(label), len(indices), n_folds)
        fold_of[indices] = (assigned + np.arange(len(indices))) % n_folds  # continues where the last class ended
        assigned += len(indices)
    return tuple(np.flatnonzero(fold_of[representatives] == fold) for fold in range(n_folds))


def _check_folds(label: int, n_images: int, n_folds: int) -> None:
    if n_images < n_folds:
        raise DataError(
            f"class {label} has {n_images} images, duplicates counted once; {n_folds} folds need {n_folds} or more of "
            "each class. Add images or remove the class."
        )


def _check_split(labels: Labels, n_validation: int) -> None:
    values, counts = np.unique(labels, return_counts=True)
    if len(values) == 0:
        raise DataError("there are no images to split; two or more of each class are needed.")
    if counts.min() < 2:
        raise DataError(
            f"class {values[counts.argmin()]} has 1 image; a split needs two or more of each class. "
            "Add images or remove the class."
        )
    largest = len(labels) - len(values)
    if not len(values) <= n_validation <= largest:
        raise DataError(
            f"cannot use {n_validation} of {len(labels)} images in {len(values)} classes for validation; "
            f"{len(values)} to {largest} are possible. Give more images, or a recipe with another validation fraction."
        )
