"""Leaves out the photos of classes that have too few."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photo_table import UNKNOWN_LABEL
from clothier.errors import DataError
from clothier.types import FailedInput

if TYPE_CHECKING:
    from clothier.data.photo_table import PhotoTable
    from clothier.types import BoolArray


def without_small_classes(table: PhotoTable, minimum: int) -> tuple[BoolArray, PhotoTable]:
    """Which photos are kept, (N,) bool, and their table; photos of classes with fewer than ``minimum`` become failures.

    Raises:
        DataError: fewer than two classes are left.
    """
    counts = table.class_counts
    small = {name for name, count in counts.items() if count < minimum}
    classes = tuple(name for name in table.classes if name not in small)
    if len(classes) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"
        raise DataError(
            f"{table.name} has {len(classes)} class(es) with {minimum} or more readable photos: {found}. Two or more "
            f"classes are needed; add photos.{table.failure_note}"
        )
    names = [*table.classes, ""]
    failures = tuple(
        FailedInput(
            file,
            "small-class",
            f"{file}: the class {names[label]} has {counts[names[label]]} readable photos, but {minimum} or more are "
            "needed; the photo was excluded.",
        )
        for file, label in zip(table.files, table.labels.tolist(), strict=True)
        if names[label] in small
    )
    is_kept = np.array([names[label] not in small for label in table.labels.tolist()])
    new_label = {name: label for label, name in enumerate(classes)} | {"": UNKNOWN_LABEL}
    labels = np.array([new_label[names[label]] for label in table.labels[is_kept].tolist()], np.int64)
    kept = replace(table.subset(is_kept), labels=labels, classes=classes, failures=(*table.failures, *failures))
    return is_kept, kept
