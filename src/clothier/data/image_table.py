"""Reads a CSV of labeled images as a data set, in the input format of Fashion-MNIST.

Separate from :mod:`clothier.data.image_folder` because its split needs scikit-learn.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.image_folder import MIN_IMAGES_PER_CLASS, SPLIT_SEED, TEST_FRACTION, reduction_warning
from clothier.data.photo_loading import load_photos
from clothier.data.photo_table import UNKNOWN_LABEL, read_photo_table
from clothier.data.small_classes import without_small_classes
from clothier.data.splits import grouped_split
from clothier.types import InputSpec, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.columns import Columns
    from clothier.types import Progress


def load_image_table(
    path: Path, columns: Columns, *, seed: int = SPLIT_SEED, progress: Progress = no_progress
) -> Dataset:
    """Reads the images of a CSV in 28x28 gray pixels, and holds out about a fifth of each class as the test set.

    Images of one group, such as a product, are in the same split. Images without a label are left out, which
    ``warnings`` says. Missing and unreadable files, and the images of classes with fewer than five, are in
    ``failures``.

    Args:
        path: a CSV, or a folder with ``labels.csv`` in it.
        columns: of the CSV.
        seed: of the split.
        progress: called for each image, and for each warning.

    Raises:
        DataError: no table, no readable image, or fewer than two classes with five images.
    """
    images, table = load_photos(read_photo_table(path, columns=columns), InputSpec(), progress=progress)
    n_unlabeled = int((table.labels == UNKNOWN_LABEL).sum())
    is_kept, table = without_small_classes(table, MIN_IMAGES_PER_CLASS)
    is_labeled = table.labels != UNKNOWN_LABEL
    images, table = images[is_kept][is_labeled], table.subset(is_labeled)
    labeled = LabeledImages(images, table.labels, table.files)
    groups = table.groups if table.has_groups else np.arange(len(table))
    train, test = (labeled.subset(rows) for rows in grouped_split(table.labels, groups, TEST_FRACTION, seed))
    command = shlex.join(["clothier", "train", "photo", "--data", str(path), *columns.options])
    notes = [f"{n_unlabeled:,} images without a label are left out."] if n_unlabeled else []
    warnings = (*table.warnings, *notes, *reduction_warning(table.files, command))
    for warning in warnings:
        progress(f"reading {table.name}", 0, 0, warning)
    digests = {"train": train.digest, "test": test.digest}
    return Dataset(table.name, table.classes, train, test, digests, table.failures, warnings)
