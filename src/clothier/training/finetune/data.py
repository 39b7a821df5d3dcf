"""Training data of a photo model: the photos, decoded once, their duplicates, and the folds of cross-validation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from clothier.data.fingerprints import dhash_both_ways
from clothier.data.photo_loading import load_with_fingerprints
from clothier.data.photo_table import NO_GROUPS, UNKNOWN_LABEL, Columns, PhotoTable, read_photo_table
from clothier.data.small_classes import without_small_classes
from clothier.errors import DataError
from clothier.exploration.audit.duplicates import find_photo_duplicates
from clothier.recipes.photo import DEFAULT_BACKBONE
from clothier.taxonomy import map_labels, without_subclasses
from clothier.training.finetune.efficientnet_lite import BACKBONES
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.data.fingerprints import Hashes
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.recipes.photo import BackboneName
    from clothier.types import Images, Int64Array, Labels, Progress

    Indices = npt.NDArray[np.intp]

STORED_SCALE = 8 / 7  # of the photos from which augmented crops are taken: 256 pixels for an input of 224
MAX_NAMED = 5  # images with two labels, and copies of one, that warnings name
MIN_PHOTOS_PER_CLASS = 5  # with fewer, a class is missing from the training or test photos of some fold
UNKNOWN_FOLD = -1


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTrainingData:
    """N photos: labeled ones, and photos of none of the classes."""

    table: PhotoTable
    images: Images  # (N, H', W', 3), larger than the inputs; augmented crops are taken from them
    inputs: Images  # (N, H, W, 3), the model's input
    groups: Int64Array  # (N,), those of the table; groups that share an image or a product are merged
    duplicates: Duplicates
    hashes: Hashes  # (N, 2, 64), of the inputs and their mirror images; they show which photos another model has seen
    digest: str  # SHA-256 of the file names, the decoded pixels and the labels, in any order
    order_digest: str  # the same in the order of the rows
    stratify_labels: Labels  # (N,), the labels by which folds are stratified; -1 for photos in no fold
    grouped_by: str  # what a group is: "photographer", the user's column, or "photo" without groups

    @property
    def input_spec(self) -> InputSpec:
        """The model's input."""
        return InputSpec("center_crop", *self.inputs.shape[1:])

    @property
    def labeled_indices(self) -> Indices:
        """Indices of the labeled photos, ascending."""
        return np.flatnonzero(self.table.labels != UNKNOWN_LABEL)

    def folds(self, n_folds: int, seed: int) -> Int64Array:
        """The fold that tests each photo, (N,) int64. No group is in two folds.

        There are ``n_folds`` at most, no more than groups. Photos of no class, on which nothing is trained, are in the
        fold of their group; groups of such photos alone are dealt out, so that all folds have about as many.

        Raises:
            DataError: all photos belong to one group, or a fold would train on a single class.
        """
        rows = np.flatnonzero(self.stratify_labels != UNKNOWN_LABEL)
        labels, groups = self.stratify_labels[rows], self.groups[rows]
        splits = min(n_folds, len(np.unique(groups)), int(np.bincount(labels).max()))
        if splits < 2:
            raise DataError("All photos belong to one group; cross-validation needs photos of two or more groups.")
        folds = np.full(len(self.table), UNKNOWN_FOLD)
        splitter = StratifiedGroupKFold(splits, shuffle=True, random_state=seed)
        for number, (train, test) in enumerate(splitter.split(labels, labels, groups)):
            folds[rows[test]] = number
            if len(np.unique(labels[train])) < 2:
                raise DataError(
                    f"A fold of the cross-validation trains on one class only, because the photos of others belong to "
                    f"one {self.grouped_by}. Give photos of each class by two or more {self.grouped_by}s."
                )
        _deal_out(folds, self.groups, splits)
        return folds

    def audit_summary(self) -> dict[str, Any]:
        """Counts of the audit, for ``metrics.json``."""
        n_labeled, n_groups = len(self.labeled_indices), len(np.unique(self.table.groups))
        return {
            "photos": len(self.table),
            "labeled": n_labeled,
            "ood": len(self.table) - n_labeled,
            "classes": self.table.class_counts,
            "groups": n_groups if self.table.has_groups else None,
            "failures": [failure.to_json() for failure in self.table.failures],
            "exact_duplicates": sum(len(group) - 1 for group in self.duplicates.exact),
            "near_duplicates": sum(len(group) - 1 for group in self.duplicates.near),
            "merged_groups": n_groups - len(np.unique(self.groups)),
            "warnings": list(self.table.warnings),
        }


def load_photo_training_data(
    data: Path, columns: Columns, progress: Progress, backbone: BackboneName = DEFAULT_BACKBONE
) -> PhotoTrainingData:
    """Reads the photos in the size of the backbone, and finds their duplicates.

    Raises:
        DataError: no table, or fewer than two classes with enough photos.
    """
    table = read_photo_table(data, columns=columns)
    for warning in table.warnings:
        progress(f"reading {table.name}", 0, 0, warning)
    n_reported = len(table.warnings)
    input_spec = BACKBONES[backbone].input_spec
    stored_side = round(input_spec.height * STORED_SCALE)
    stored_spec = replace(input_spec, height=stored_side, width=stored_side)
    (inputs, images), fingerprints, table = load_with_fingerprints(table, input_spec, stored_spec, progress=progress)
    kept, final = without_small_classes(table, MIN_PHOTOS_PER_CLASS)
    if len(final) < len(table):
        images, inputs, fingerprints = images[kept], inputs[kept], fingerprints.subset(kept)
    duplicates = find_photo_duplicates(fingerprints)
    groups = final.merge_groups([*duplicates.exact, *duplicates.near, *final.product_rows])
    group_name = columns.group_name if final.has_groups else "photo"
    found = [*_one_group_warnings(final, groups, group_name), *_two_label_warnings(final, duplicates)]
    found += [] if final.has_groups else [NO_GROUPS]
    final = replace(final, warnings=(*final.warnings, *found))
    rows = _describe_rows(final, fingerprints.digests)
    for warning in final.warnings[n_reported:]:
        progress("train photo", 0, 0, warning)
    return PhotoTrainingData(
        table=final,
        images=images,
        inputs=inputs,
        groups=groups,
        duplicates=duplicates,
        hashes=dhash_both_ways(inputs),
        digest=_digest(sorted(rows)),
        order_digest=_digest(rows),
        stratify_labels=map_labels(final.labels, final.classes, without_subclasses(final.classes)),
        grouped_by=group_name,
    )


def _one_group_warnings(table: PhotoTable, groups: Int64Array, group_name: str) -> list[str]:
    """Classes that are never in the training and the test photos of a fold."""
    return [
        f"All photos of {name} belong to one {group_name}: the fold that tests them cannot train on the class, so its "
        f"recall is 0. Add photos of another {group_name}."
        for label, name in enumerate(table.classes)
        if len(np.unique(groups[table.labels == label])) == 1
    ]


def _two_label_warnings(table: PhotoTable, duplicates: Duplicates) -> Iterator[str]:
    """Names photos of the same image that have different labels."""
    names = [*table.classes, "no label"]
    pairs = [rows for rows in [*duplicates.exact, *duplicates.near] if len(np.unique(table.labels[list(rows)])) > 1]
    for rows in pairs[:MAX_NAMED]:
        shown = ", ".join(f"{Path(table.files[row]).name} ({names[table.labels[row]]})" for row in rows[:MAX_NAMED])
        yield f"The same image has different labels: {shown}. Correct them; each is trained on as it is labeled."
    if len(pairs) > MAX_NAMED:
        yield f"{len(pairs) - MAX_NAMED} more images have different labels; audit.csv names them."


def _deal_out(folds: Int64Array, groups: Int64Array, n_folds: int) -> None:
    """Gives photos without a fold that of their group; groups without one, the largest first, the least filled fold."""
    fold_of = dict(zip(groups[folds != UNKNOWN_FOLD].tolist(), folds[folds != UNKNOWN_FOLD].tolist(), strict=True))
    ids, sizes = np.unique(groups[folds == UNKNOWN_FOLD], return_counts=True)
    counts = np.zeros(n_folds, np.int64)
    for group, size in sorted(zip(ids.tolist(), sizes, strict=True), key=lambda one: (one[0] not in fold_of, -one[1])):
        fold = fold_of.get(group, int(counts.argmin()))
        folds[groups == group], counts[fold] = fold, counts[fold] + size


def split_folds(folds: Int64Array, labels: Labels) -> list[tuple[Indices, Indices]]:
    """Indices of the labeled training photos and of the labeled test photos of each fold, ascending."""
    labeled = labels != UNKNOWN_LABEL
    return [
        (np.flatnonzero(labeled & (folds != number)), np.flatnonzero(labeled & (folds == number)))
        for number in range(folds.max() + 1)
    ]


def _describe_rows(table: PhotoTable, pixel_digests: npt.NDArray[np.uint8]) -> list[str]:
    """The file name, the digest of the pixels and the label of each photo, one line each."""
    names = [*table.classes, ""]
    return [
        f"{Path(file).name} {pixels.tobytes().hex()} {names[label]}"
        for file, pixels, label in zip(table.files, pixel_digests, table.labels.tolist(), strict=True)
    ]


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode(errors="surrogateescape")).hexdigest()
