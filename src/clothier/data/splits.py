"""Cuts images out of the training part, each class in its share: validation, or folds that are held out in turn.

Kept apart from :mod:`clothier.data.dataset` because it needs scikit-learn, which predicting does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import train_test_split

from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from clothier.types import Labels

    Indices = npt.NDArray[np.int64]

STUDY_VALIDATION_SIZE = 12_000  # of 60,000 images: the study's stratified 80/20 split, random_state 42
TUNING_VALIDATION_SIZE = 5_000  # of 60,000 images: what tuning and the fast recipes choose by
STUDY_SEED = 42


def stratified_split(labels: Labels, held_out: int, seed: int = STUDY_SEED) -> tuple[Indices, Indices]:
    """Splits N images into those kept and those held out, as scikit-learn's ``train_test_split`` does.

    Args:
        labels: (N,) int64.
        held_out: how many images to hold out.
        seed: scikit-learn's ``random_state``; 42 is the study's.

    Returns:
        (N - held_out,) and (held_out,) int64: places in ``labels``, in scikit-learn's shuffled order.

    Raises:
        DataError: a class is too small to stand on both sides, or ``held_out`` leaves too few on one.
    """
    _check_split(labels, held_out)
    kept, held = train_test_split(np.arange(len(labels)), test_size=held_out, stratify=labels, random_state=seed)
    return kept, held


def stratified_folds(
    labels: Labels, n_folds: int, seed: int = 0, groups: Iterable[tuple[int, ...]] = ()
) -> tuple[Indices, ...]:
    """Deals N images out into folds, each class in equal shares (to within the size of a group).

    Args:
        labels: (N,) int64.
        n_folds: how many, 2 or more.
        seed: of the order in which a class is dealt out.
        groups: groups of places that must not be parted, such as duplicates; no place in two groups.

    Returns:
        The places of each fold, (N / folds,) int64 or so, rising; every image is in one fold.

    Raises:
        DataError: a class has too few images, groups counted once, to be in every fold.
    """
    leads = np.arange(len(labels))
    for group in groups:
        leads[list(group)] = group[0]
    generator, fold_of, dealt = np.random.default_rng(seed), np.empty(len(labels), np.int64), 0
    for label in np.unique(labels):
        alone = generator.permutation(np.flatnonzero((labels == label) & (leads == np.arange(len(labels)))))
        _check_folds(int(label), len(alone), n_folds)
        fold_of[alone] = (dealt + np.arange(len(alone))) % n_folds  # goes on where the last class ended
        dealt += len(alone)
    return tuple(np.flatnonzero(fold_of[leads] == fold) for fold in range(n_folds))


def _check_folds(label: int, n_images: int, n_folds: int) -> None:
    if n_images < n_folds:
        raise DataError(
            f"class {label} has {n_images} images, duplicates counted once, and {n_folds} folds want {n_folds} or more of "
            "each class. Add images or leave the class out."
        )


def _check_split(labels: Labels, held_out: int) -> None:
    values, counts = np.unique(labels, return_counts=True)
    if len(values) == 0:
        raise DataError("there are no images to split; two or more of each class are needed.")
    if counts.min() < 2:
        raise DataError(
            f"class {values[counts.argmin()]} has 1 image, and a split needs two or more of each class. "
            "Add images or leave the class out."
        )
    most = len(labels) - len(values)
    if not len(values) <= held_out <= most:
        raise DataError(
            f"cannot hold out {held_out} of {len(labels)} images in {len(values)} classes: {len(values)} to {most} "
            "can be held out, so that each class may stand on both sides. Give more images, or a recipe with another "
            "share for validation."
        )
