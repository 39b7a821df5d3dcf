"""Reads a folder of labeled images: a subfolder for each class, or ``train/`` and ``test/`` with those in each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.class_folders import find_splits, unused_folders
from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.photo_loading import load_photos
from clothier.data.photo_table import EMPTY_CLASS, class_folder_table
from clothier.data.photos.decode import decode_image
from clothier.errors import DataError
from clothier.taxonomy import label_key
from clothier.types import InputSpec, no_progress
from clothier.untrusted import printable

if TYPE_CHECKING:
    from clothier.data.photo_table import PhotoTable
    from clothier.types import FailedInput, Progress

TEST_FRACTION = 0.2  # of each class, if there is no test folder
MIN_IMAGES_PER_CLASS = 5  # readable images: one for the test set, four for training and validation
SPLIT_SEED = 42
SAMPLE_FILES = 9  # whose size is looked at
LARGE_SIDE = 112  # pixels, four times the side of the input: of a photo


def load_image_folder(folder: Path, *, seed: int = SPLIT_SEED, progress: Progress = no_progress) -> Dataset:
    """Reads the images of the class folders in the input format of Fashion-MNIST, 28x28.

    Without a test folder, the validation folder is the test set; without that, a random fifth of each class. Files that
    are not readable images are in ``failures``; folders that are not used are named in ``warnings``.

    Args:
        folder: with a subfolder for each class, or with ``train/`` and optionally ``test/`` that have those.
        seed: of the test split.
        progress: called for each image.

    Raises:
        DataError: fewer than two classes, a class in the test folder that the training folder does not have, or too few
            readable images of a class.
    """
    splits = find_splits(folder)
    if splits and "train" not in splits:
        raise DataError(f"{folder} has {' and '.join(one.name for one in splits.values())} but no train/. Add it.")
    root, test_root = splits.get("train", folder), splits.get("test", splits.get("validation"))
    images, table = load_photos(class_folder_table(root, outside=splits.values()), InputSpec(), progress=progress)
    classes, failures, warnings = table.classes, table.failures, table.warnings
    if len(classes) < 2:
        raise DataError(f"{root} has {len(classes)} class folder; two or more are needed, one for each class.")
    train = LabeledImages(images, table.labels, table.files)
    _check_class_sizes(root, classes, train, failures)
    if test_root:
        test_table = class_folder_table(test_root, outside=splits.values())
        test, test_table = _load_test_images(test_root, test_table, classes, progress)
        failures, warnings = failures + test_table.failures, warnings + test_table.warnings
        if "test" not in splits:
            warnings += (f"{folder} has no test folder: {test_root.name}/ is the test set.",)
    else:
        train, test = _hold_out(train, len(classes), seed)
    if splits:
        warnings += unused_folders(folder, [root, *([test_root] if test_root else [])])
    warnings += reduction_warning(train.files, f"clothier train photo --data {shlex.quote(str(folder))}")
    for warning in warnings:
        progress(f"reading {folder.name}", 0, 0, warning)
    digests = {"train": train.digest, "test": test.digest}
    return Dataset(printable(folder.resolve().name), classes, train, test, digests, failures, warnings)


def reduction_warning(files: tuple[str, ...], command: str) -> tuple[str, ...]:
    """Says what is lost if most of some sample files are photos, not small images; ``command`` trains on photos."""
    sample = files[:: -(-len(files) // SAMPLE_FILES)]
    sizes = sorted((decode_image(Path(file)).size for file in sample), key=min)
    width, height = sizes[len(sizes) // 2]
    if min(width, height) < LARGE_SIDE:
        return ()
    reduced = f"The images are reduced to 28x28 gray pixels, from {width}x{height}."
    return (f"{reduced} For photos of clothes, {command} keeps color and detail.",)


def _load_test_images(
    root: Path, table: PhotoTable, classes: tuple[str, ...], progress: Progress
) -> tuple[LabeledImages, PhotoTable]:
    index = {label_key(name): label for label, name in enumerate(classes)}
    if unknown := [name for name in table.classes if label_key(name) not in index]:
        raise DataError(
            f"{root} has the class {unknown[0]!r}, but the training images only have {', '.join(classes)}. "
            "Rename the folder, or add training images."
        )
    images, table = load_photos(table, InputSpec(), progress=progress)
    labels = np.array([index[label_key(name)] for name in table.classes], np.int64)[table.labels]
    return LabeledImages(images, labels, table.files), table


def _check_class_sizes(
    root: Path, classes: tuple[str, ...], images: LabeledImages, failures: tuple[FailedInput, ...]
) -> None:
    counts = dict(zip(classes, images.class_counts(len(classes)).tolist(), strict=True))
    empty = [one for one in failures if one.code == EMPTY_CLASS and Path(one.file).parent == root]
    unreadable = len(failures) - len(empty)
    counts |= {Path(one.file).name: 0 for one in empty}
    for name, count in counts.items():
        if count < MIN_IMAGES_PER_CLASS:
            unread = f" ({unreadable} files of all classes could not be read)" if unreadable else ""
            raise DataError(
                f"{root / name} has {count} readable images{unread}; {MIN_IMAGES_PER_CLASS} or more of each class are "
                "needed. Add images, or move the folder away."
            )


def _hold_out(images: LabeledImages, num_classes: int, seed: int) -> tuple[LabeledImages, LabeledImages]:
    """Splits off a random fifth of each class, at least one image. No scikit-learn: reading data must not need it."""
    generator = np.random.default_rng(seed)
    is_test = np.zeros(len(images), bool)
    for label in range(num_classes):
        indices = generator.permutation(np.flatnonzero(images.labels == label))
        is_test[indices[: max(1, round(len(indices) * TEST_FRACTION))]] = True
    return images.subset(np.flatnonzero(~is_test)), images.subset(np.flatnonzero(is_test))
