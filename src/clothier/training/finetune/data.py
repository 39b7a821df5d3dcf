"""What a photo model is trained on: photos that were looked through, and who is kept out when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from clothier.data.fingerprints import read_prints
from clothier.data.photo_table import OUTSIDE, Columns, PhotoTable, load_photos, read_photo_table
from clothier.errors import DataError
from clothier.exploration.audit.duplicates import NEAR_PHOTOS, find_duplicates
from clothier.taxonomy import BROADER
from clothier.training.finetune.efficientnet_lite import SIDE
from clothier.types import FailedInput, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.types import Images, Labels, Progress

    Rows = npt.NDArray[np.intp]

VIEW = View("square", SIDE, SIDE, 3)  # what the model sees
ROOM = View("square", 256, 256, 3)  # what is kept of each photo to crop varied views from
FEWEST = 5  # photos of a class; with fewer, some fold would learn nothing of it, or test nothing


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """N photos, labelled ones and such as are outside the classes.

    Attributes:
        table: files, labels, groups, and what failed.
        images: (N, 256, 256, 3) uint8.
        views: (N, 224, 224, 3) uint8, as the model will see them.
        groups: (N,) int64, those of the table; groups that share a picture are one.
        duplicates: photos that are there more than once.
        digest: SHA-256 of the names, the decoded pixels and the labels.
        dealt_by: (N,) int64, the labels that folds are dealt by; -1 for photos that are in none.
    """

    table: PhotoTable
    images: Images
    views: Images
    groups: npt.NDArray[np.int64]
    duplicates: Duplicates
    digest: str
    dealt_by: Labels

    @property
    def known(self) -> Rows:
        """Places of the labelled photos, rising."""
        return np.flatnonzero(self.table.labels != OUTSIDE)

    @property
    def strange(self) -> Rows:
        """Places of the photos outside the classes."""
        return np.flatnonzero(self.table.labels == OUTSIDE)

    def folds(self, wanted: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Places to learn from and places to test on, each photo tested once, each group on one side.

        Args:
            wanted: how many; fewer where there are fewer groups.
            seed: scikit-learn's ``random_state``.
        """
        rows = np.flatnonzero(self.dealt_by != OUTSIDE)
        labels, groups = self.dealt_by[rows], self.groups[rows]
        splits = min(wanted, len(np.unique(groups)), int(np.bincount(labels).max()))
        if splits < 2:
            raise DataError("all photos are of one group; give photos of two or more, so that one can be kept out.")
        dealt = StratifiedGroupKFold(splits, shuffle=True, random_state=seed).split(labels, labels, groups)
        return [(self._labelled(rows[learnt]), self._labelled(rows[tested])) for learnt, tested in dealt]

    def _labelled(self, rows: Rows) -> Rows:
        return np.asarray(rows[self.table.labels[rows] != OUTSIDE])

    def audit(self) -> dict[str, Any]:
        """Counts of what was looked through, for ``metrics.json``."""
        return {
            "photos": len(self.table),
            "labelled": len(self.known),
            "outside": len(self.strange),
            "classes": self.table.counts,
            "groups": len(np.unique(self.table.groups)) if self.table.has_groups else None,
            "failures": [failure.to_json() for failure in self.table.failures],
            "exact_duplicates": sum(len(group) - 1 for group in self.duplicates.exact),
            "near_duplicates": sum(len(group) - 1 for group in self.duplicates.near),
            "groups_joined_for_duplicates": int(len(np.unique(self.table.groups)) - len(np.unique(self.groups))),
            "notes": list(self.table.notes),
        }


def read_lesson(data: Path, columns: Columns, progress: Progress) -> Lesson:
    """Reads the photos and looks them through.

    Raises:
        DataError: no table, or fewer than two classes with enough photos.
    """
    images, table = load_photos(read_photo_table(data, columns=columns), ROOM, progress=progress)
    images, table = _without_small_classes(images, table)
    views, _ = load_photos(table, VIEW, progress=progress)
    prints = read_prints(table.files, progress)
    duplicates = find_duplicates(prints.small, prints.digests, NEAR_PHOTOS)
    copies = (*duplicates.exact, *duplicates.near)
    groups, words = _joined(table.groups, copies), counted_in(table.classes)
    dealt_by = reworded(table.labels, table.classes, words)
    return Lesson(table, images, views, groups, duplicates, _digest(table, prints.digests), dealt_by)


def _without_small_classes(images: Images, table: PhotoTable) -> tuple[Images, PhotoTable]:
    """Leaves classes with too few photos out, and says so of each photo.

    Raises:
        DataError: fewer than two classes are left.
    """
    small = {name for name, count in table.counts.items() if count < FEWEST}
    names = np.array([*table.classes, ""])[table.labels]
    out = np.isin(names, sorted(small))
    failures = [
        FailedInput(
            table.files[place],
            "small-class",
            f"{table.files[place]}: the class {names[place]} has {table.counts[str(names[place])]} readable photos, "
            f"and {FEWEST} or more are needed; it was left out.",
        )
        for place in np.flatnonzero(out)
    ]
    classes = tuple(name for name in table.classes if name not in small)
    if len(classes) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in table.counts.items()) or "none"
        raise DataError(
            f"{table.name} has {len(classes)} class(es) with {FEWEST} or more readable photos: {found}. A model needs "
            "two or more classes to tell apart; add photos."
        )
    kept = table.take(~out)
    places = {name: place for place, name in enumerate(classes)} | {"": OUTSIDE}
    labels = np.array([places[str(name)] for name in names[~out]], np.int64)
    return images[~out] if out.any() else images, replace(
        kept, labels=labels, classes=classes, failures=(*table.failures, *failures)
    )


def _joined(groups: Labels, copies: Iterable[tuple[int, ...]]) -> Labels:
    """Groups that share a picture as one group, so that no picture is learnt from and tested on."""
    joined = groups.copy()
    for places in copies:
        joined[np.isin(joined, joined[list(places)])] = joined[list(places)].min()
    return joined


def _digest(table: PhotoTable, pixels: npt.NDArray[np.uint8]) -> str:
    names = [*table.classes, ""]
    rows = sorted(
        f"{Path(file).name} {print_.tobytes().hex()} {names[label]}"
        for file, print_, label in zip(table.files, pixels, table.labels.tolist(), strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def counted_in(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The words that labels can be counted in: a finer word is its broader one where the labels have both."""
    return tuple(name for name in classes if BROADER.get(name) not in classes)


def reworded(labels: Labels, classes: tuple[str, ...], words: tuple[str, ...]) -> Labels:
    """Labels in other words; -1 stays."""
    places = [words.index(name if name in words else BROADER[name]) for name in classes]
    return np.array([*places, OUTSIDE], np.int64)[labels]
