"""What a photo model is trained on: photos that were looked through, and who is kept out when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from clothier.data.fingerprints import compute_fingerprints
from clothier.data.photo_table import UNKNOWN_LABEL, Columns, PhotoTable, load_photos, read_photo_table
from clothier.errors import DataError
from clothier.exploration.audit.duplicates import NEAR_PHOTO_CORRELATION, find_duplicates
from clothier.taxonomy import map_labels, without_subclasses
from clothier.training.finetune.efficientnet_lite import SIDE
from clothier.types import FailedInput, InputSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.types import Images, Labels, Progress

    Indices = npt.NDArray[np.intp]

INPUT_SPEC = InputSpec("center_crop", SIDE, SIDE, 3)  # what the model sees
STORED_SIZE = InputSpec("center_crop", 256, 256, 3)  # what is kept of each photo to crop varied views from
MIN_PHOTOS_PER_CLASS = 5  # photos of a class; with fewer, some fold would learn nothing of it, or test nothing


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTrainingData:
    """N photos, labelled ones and such as are outside the classes.

    Attributes:
        table: files, labels, groups, and what failed.
        images: (N, 256, 256, 3) uint8.
        inputs: (N, 224, 224, 3) uint8, as the model will see them.
        groups: (N,) int64, those of the table; groups that share a picture are one.
        duplicates: photos that are there more than once.
        digest: SHA-256 of the names, the decoded pixels and the labels.
        stratify_labels: (N,) int64, the labels that folds are dealt by; -1 for photos that are in none.
    """

    table: PhotoTable
    images: Images
    inputs: Images
    groups: npt.NDArray[np.int64]
    duplicates: Duplicates
    digest: str
    stratify_labels: Labels

    @property
    def labeled_indices(self) -> Indices:
        """Places of the labelled photos, rising."""
        return np.flatnonzero(self.table.labels != UNKNOWN_LABEL)

    @property
    def ood_indices(self) -> Indices:
        """Places of the photos outside the classes."""
        return np.flatnonzero(self.table.labels == UNKNOWN_LABEL)

    def folds(self, n_folds: int, seed: int) -> list[tuple[Indices, Indices]]:
        """Places to learn from and places to test on, each photo tested once, each group on one side.

        Args:
            n_folds: how many; fewer where there are fewer groups.
            seed: scikit-learn's ``random_state``.
        """
        rows = np.flatnonzero(self.stratify_labels != UNKNOWN_LABEL)
        labels, groups = self.stratify_labels[rows], self.groups[rows]
        splits = min(n_folds, len(np.unique(groups)), int(np.bincount(labels).max()))
        if splits < 2:
            raise DataError("all photos are of one group; give photos of two or more, so that one can be kept out.")
        dealt = StratifiedGroupKFold(splits, shuffle=True, random_state=seed).split(labels, labels, groups)
        return [(self._keep_labeled(rows[learnt]), self._keep_labeled(rows[tested])) for learnt, tested in dealt]

    def _keep_labeled(self, indices: Indices) -> Indices:
        return np.asarray(indices[self.table.labels[indices] != UNKNOWN_LABEL])

    def audit_summary(self) -> dict[str, Any]:
        """Counts of what was looked through, for ``metrics.json``."""
        return {
            "photos": len(self.table),
            "labelled": len(self.labeled_indices),
            "outside": len(self.ood_indices),
            "classes": self.table.class_counts,
            "groups": len(np.unique(self.table.groups)) if self.table.has_groups else None,
            "failures": [failure.to_json() for failure in self.table.failures],
            "exact_duplicates": sum(len(group) - 1 for group in self.duplicates.exact),
            "near_duplicates": sum(len(group) - 1 for group in self.duplicates.near),
            "groups_joined_for_duplicates": int(len(np.unique(self.table.groups)) - len(np.unique(self.groups))),
            "warnings": list(self.table.warnings),
        }


def load_photo_training_data(data: Path, columns: Columns, progress: Progress) -> PhotoTrainingData:
    """Reads the photos and looks them through.

    Raises:
        DataError: no table, or fewer than two classes with enough photos.
    """
    images, table = load_photos(read_photo_table(data, columns=columns), STORED_SIZE, progress=progress)
    images, table = _without_small_classes(images, table)
    views, _ = load_photos(table, INPUT_SPEC, progress=progress)
    prints = compute_fingerprints(table.files, progress)
    duplicates = find_duplicates(prints.thumbnails, prints.digests, NEAR_PHOTO_CORRELATION)
    copies = (*duplicates.exact, *duplicates.near)
    groups, words = _merge_groups(table.groups, copies), without_subclasses(table.classes)
    dealt_by = map_labels(table.labels, table.classes, words)
    return PhotoTrainingData(table, images, views, groups, duplicates, _digest(table, prints.digests), dealt_by)


def _without_small_classes(images: Images, table: PhotoTable) -> tuple[Images, PhotoTable]:
    """Leaves classes with too few photos out, and says so of each photo.

    Raises:
        DataError: fewer than two classes are left.
    """
    small = {name for name, count in table.class_counts.items() if count < MIN_PHOTOS_PER_CLASS}
    names = np.array([*table.classes, ""])[table.labels]
    out = np.isin(names, sorted(small))
    failures = [
        FailedInput(
            table.files[place],
            "small-class",
            f"{table.files[place]}: the class {names[place]} has {table.class_counts[str(names[place])]} readable photos, "
            f"and {MIN_PHOTOS_PER_CLASS} or more are needed; it was left out.",
        )
        for place in np.flatnonzero(out)
    ]
    classes = tuple(name for name in table.classes if name not in small)
    if len(classes) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in table.class_counts.items()) or "none"
        raise DataError(
            f"{table.name} has {len(classes)} class(es) with {MIN_PHOTOS_PER_CLASS} or more readable photos: {found}. A model needs "
            "two or more classes to tell apart; add photos."
        )
    kept = table.subset(~out)
    places = {name: place for place, name in enumerate(classes)} | {"": UNKNOWN_LABEL}
    labels = np.array([places[str(name)] for name in names[~out]], np.int64)
    return images[~out] if out.any() else images, replace(
        kept, labels=labels, classes=classes, failures=(*table.failures, *failures)
    )


def _merge_groups(groups: Labels, duplicates: Iterable[tuple[int, ...]]) -> Labels:
    """Groups that share a picture as one group, so that no picture is learnt from and tested on."""
    joined = groups.copy()
    for places in duplicates:
        joined[np.isin(joined, joined[list(places)])] = joined[list(places)].min()
    return joined


def _digest(table: PhotoTable, pixel_digests: npt.NDArray[np.uint8]) -> str:
    names = [*table.classes, ""]
    rows = sorted(
        f"{Path(file).name} {print_.tobytes().hex()} {names[label]}"
        for file, print_, label in zip(table.files, pixel_digests, table.labels.tolist(), strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
