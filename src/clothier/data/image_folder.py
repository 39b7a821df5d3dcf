"""Reads a folder of labeled images: a subfolder for each class, or ``train/`` and ``test/`` with those in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.photo_table import class_folder_table, class_folders, image_files, load_photos
from clothier.errors import DataError
from clothier.types import InputSpec, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import FailedInput, Progress

TRAIN, TEST = "train", "test"
TEST_FRACTION = 0.2  # of each class, if there is no test folder
MIN_IMAGES_PER_CLASS = 5  # readable images: one for the test set, four for training and validation
SPLIT_SEED = 42


def has_class_folders(folder: Path) -> bool:
    """Whether ``folder`` has subfolders with files in them, directly or under ``train/``."""
    return any(image_files(subfolder) for subfolder in class_folders(_training_root(folder)))


def load_image_folder(folder: Path, *, seed: int = SPLIT_SEED, progress: Progress = no_progress) -> Dataset:
    """Reads the images of the class folders in the input format of Fashion-MNIST, 28x28.

    Without ``test/``, a random fifth of each class is the test set. Files that are not readable images are in
    ``failures``; folders beside ``train/`` and ``test/`` are named in ``warnings``.

    Args:
        folder: with a subfolder for each class, or with ``train/`` and optionally ``test/`` that have those.
        seed: of the test split.
        progress: called for each image.

    Raises:
        DataError: fewer than two classes, a class in ``test/`` that ``train/`` does not have, or too few readable
            images of a class.
    """
    root, test_root = _training_root(folder), folder / TEST
    classes = tuple(subfolder.name for subfolder in class_folders(root))
    if len(classes) < 2:
        raise DataError(f"{root} has {len(classes)} class folder; two or more are needed, one for each class.")
    train, failures = _read_images(root, classes, progress)
    _check_class_sizes(root, classes, train, failures)
    if root != folder and class_folders(test_root):
        _check_test_classes(test_root, classes)
        test, test_failures = _read_images(test_root, classes, progress)
        failures += test_failures
    else:
        train, test = _hold_out(train, len(classes), seed)
    digests = {TRAIN: train.digest, TEST: test.digest}
    return Dataset(folder.resolve().name, classes, train, test, digests, failures, _unused_folders(folder, root))


def _training_root(folder: Path) -> Path:
    """``folder/train`` if that has subfolders: a class may be called "train" too."""
    return folder / TRAIN if class_folders(folder / TRAIN) else folder


def _read_images(
    root: Path, classes: tuple[str, ...], progress: Progress
) -> tuple[LabeledImages, tuple[FailedInput, ...]]:
    images, table = load_photos(class_folder_table(root), InputSpec(), progress=progress)
    labels = np.array([classes.index(name) for name in table.classes], np.int64)[table.labels]
    return LabeledImages(images, labels, table.files), table.failures


def _check_class_sizes(
    root: Path, classes: tuple[str, ...], images: LabeledImages, failures: tuple[FailedInput, ...]
) -> None:
    for name, count in zip(classes, images.class_counts(len(classes)), strict=True):
        if count < MIN_IMAGES_PER_CLASS:
            unread = f" ({len(failures)} files of all classes could not be read)" if failures else ""
            raise DataError(
                f"{root / name} has {count} readable images{unread}; {MIN_IMAGES_PER_CLASS} or more of each class are "
                "needed. Add images, or move the folder away."
            )


def _check_test_classes(test_root: Path, classes: tuple[str, ...]) -> None:
    unknown = [subfolder.name for subfolder in class_folders(test_root) if subfolder.name not in classes]
    if unknown:
        raise DataError(
            f"{test_root} has the class {unknown[0]!r}, but the training images only have {', '.join(classes)}. "
            "Rename the folder, or add training images."
        )


def _hold_out(images: LabeledImages, num_classes: int, seed: int) -> tuple[LabeledImages, LabeledImages]:
    """Splits off a random fifth of each class, at least one image. No scikit-learn: reading data must not need it."""
    generator = np.random.default_rng(seed)
    is_test = np.zeros(len(images), bool)
    for label in range(num_classes):
        indices = generator.permutation(np.flatnonzero(images.labels == label))
        is_test[indices[: max(1, round(len(indices) * TEST_FRACTION))]] = True
    return images.subset(np.flatnonzero(~is_test)), images.subset(np.flatnonzero(is_test))


def _unused_folders(folder: Path, root: Path) -> tuple[str, ...]:
    if root == folder:
        return ()
    others = [subfolder.name for subfolder in class_folders(folder) if subfolder.name not in {TRAIN, TEST}]
    return tuple(f"{folder / name} is not used: only {TRAIN}/ and {TEST}/ are." for name in others)
