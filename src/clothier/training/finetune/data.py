"""Training data of a photo model: audited photos, the folds of cross-validation by groups, and augmentation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

from clothier.data.fingerprints import compute_fingerprints
from clothier.data.photo_csv import DEFAULT_GROUP_COLUMN
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
    from clothier.recipes.photo import PhotoAugment
    from clothier.types import Images, Int64Array, Labels, Progress

    Indices = npt.NDArray[np.intp]
    Fold = tuple[Indices, Indices]  # of the training photos and of the test photos

INPUT_SPEC = InputSpec("center_crop", SIDE, SIDE, 3)  # of the model
STORED_SIZE = InputSpec("center_crop", 256, 256, 3)  # of the photos from which augmented crops are taken
MIN_PHOTOS_PER_CLASS = 5  # with fewer, a class is missing from the training or test photos of some fold


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTrainingData:
    """N photos: labeled ones, and photos of none of the classes.

    Attributes:
        table: files, labels, groups and failures.
        images: (N, 256, 256, 3) uint8.
        inputs: (N, 224, 224, 3) uint8, the model's input.
        groups: (N,) int64, those of the table; groups that share an image are merged.
        duplicates: photos that occur more than once.
        digest: SHA-256 of the file names, the decoded pixels and the labels.
        stratify_labels: (N,) int64, the labels by which folds are stratified; -1 for photos in no fold.
        grouped_by: what a group is: ``photographer``, the name of the user's column, or ``photo`` without groups.
    """

    table: PhotoTable
    images: Images
    inputs: Images
    groups: Int64Array
    duplicates: Duplicates
    digest: str
    stratify_labels: Labels
    grouped_by: str

    @property
    def labeled_indices(self) -> Indices:
        """Indices of the labeled photos, ascending."""
        return np.flatnonzero(self.table.labels != UNKNOWN_LABEL)

    @property
    def ood_indices(self) -> Indices:
        """Indices of the photos of none of the classes."""
        return np.flatnonzero(self.table.labels == UNKNOWN_LABEL)

    def folds(self, n_folds: int, seed: int) -> list[Fold]:
        """Training and test indices of each fold: every photo is tested once, no group is on both sides.

        Args:
            n_folds: at most; no more than there are groups.
            seed: ``random_state`` of scikit-learn.

        Raises:
            DataError: all photos belong to one group.
        """
        rows = np.flatnonzero(self.stratify_labels != UNKNOWN_LABEL)
        labels, groups = self.stratify_labels[rows], self.groups[rows]
        splits = min(n_folds, len(np.unique(groups)), int(np.bincount(labels).max()))
        if splits < 2:
            raise DataError("All photos belong to one group; cross-validation needs photos of two or more groups.")
        folds = StratifiedGroupKFold(splits, shuffle=True, random_state=seed).split(labels, labels, groups)
        return [(self._keep_labeled(rows[train]), self._keep_labeled(rows[test])) for train, test in folds]

    def _keep_labeled(self, indices: Indices) -> Indices:
        return np.asarray(indices[self.table.labels[indices] != UNKNOWN_LABEL])

    def audit_summary(self) -> dict[str, Any]:
        """Counts of the audit, for ``metrics.json``."""
        return {
            "photos": len(self.table),
            "labeled": len(self.labeled_indices),
            "ood": len(self.ood_indices),
            "classes": self.table.class_counts,
            "groups": len(np.unique(self.table.groups)) if self.table.has_groups else None,
            "failures": [failure.to_json() for failure in self.table.failures],
            "exact_duplicates": sum(len(group) - 1 for group in self.duplicates.exact),
            "near_duplicates": sum(len(group) - 1 for group in self.duplicates.near),
            "merged_groups": int(len(np.unique(self.table.groups)) - len(np.unique(self.groups))),
            "warnings": list(self.table.warnings),
        }


def load_photo_training_data(data: Path, columns: Columns, progress: Progress) -> PhotoTrainingData:
    """Reads the photos and finds their duplicates.

    Raises:
        DataError: no table, or fewer than two classes with enough photos.
    """
    images, table = load_photos(read_photo_table(data, columns=columns), STORED_SIZE, progress=progress)
    images, table = _without_small_classes(images, table)
    inputs, _ = load_photos(table, INPUT_SPEC, progress=progress)
    fingerprints = compute_fingerprints(table.files, progress)
    duplicates = find_duplicates(fingerprints.thumbnails, fingerprints.digests, NEAR_PHOTO_CORRELATION)
    return PhotoTrainingData(
        table=table,
        images=images,
        inputs=inputs,
        groups=_merge_groups(table.groups, (*duplicates.exact, *duplicates.near)),
        duplicates=duplicates,
        digest=_digest(table, fingerprints.digests),
        stratify_labels=map_labels(table.labels, table.classes, without_subclasses(table.classes)),
        grouped_by=_group_name(table, columns),
    )


def _group_name(table: PhotoTable, columns: Columns) -> str:
    if not table.has_groups:
        return "photo"
    return "photographer" if columns.group == DEFAULT_GROUP_COLUMN else columns.group


def _without_small_classes(images: Images, table: PhotoTable) -> tuple[Images, PhotoTable]:
    """Excludes classes with too few photos; each of their photos becomes a failure.

    Raises:
        DataError: fewer than two classes are left.
    """
    counts = table.class_counts
    classes = tuple(name for name, count in counts.items() if count >= MIN_PHOTOS_PER_CLASS)
    if len(classes) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"
        raise DataError(
            f"{table.name} has {len(classes)} class(es) with {MIN_PHOTOS_PER_CLASS} or more readable photos: {found}. "
            "A model needs two or more classes; add photos."
        )
    names = np.array([*table.classes, ""])[table.labels]
    excluded = np.isin(names, [name for name in counts if name not in classes])
    if not excluded.any():
        return images, table
    failures = [
        FailedInput(
            table.files[index],
            "small-class",
            f"{table.files[index]}: the class {names[index]} has {counts[str(names[index])]} readable photos, "
            f"but {MIN_PHOTOS_PER_CLASS} or more are needed; the photo was excluded.",
        )
        for index in np.flatnonzero(excluded)
    ]
    labels = [classes.index(name) if name else UNKNOWN_LABEL for name in names[~excluded].tolist()]
    kept = table.subset(~excluded)
    return images[~excluded], replace(
        kept, labels=np.array(labels, np.int64), classes=classes, failures=(*table.failures, *failures)
    )


def _merge_groups(groups: Labels, duplicates: Iterable[tuple[int, ...]]) -> Labels:
    """Merges groups that share an image, so that no image is in the training and the test photos of a fold."""
    merged = groups.copy()
    for indices in duplicates:
        merged[np.isin(merged, merged[list(indices)])] = merged[list(indices)].min()
    return merged


def _digest(table: PhotoTable, pixel_digests: npt.NDArray[np.uint8]) -> str:
    names = [*table.classes, ""]
    rows = sorted(
        f"{Path(file).name} {pixels.tobytes().hex()} {names[label]}"
        for file, pixels, label in zip(table.files, pixel_digests, table.labels.tolist(), strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def augment_photo(image: Images, side: int, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """A random crop, flip and color change of a photo: (H, W, 3) uint8 to (side, side, 3) uint8."""
    crop = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=_crop_box(image, augment, rng))
    pixels = np.asarray(crop)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return _color_jitter(pixels, augment, rng)


def _crop_box(image: Images, augment: PhotoAugment, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the crop, in pixels."""
    height, width = image.shape[:2]
    scale, stretch = np.sqrt(rng.uniform(augment.min_area, 1)), np.exp(rng.uniform(-augment.aspect, augment.aspect))
    crop_width, crop_height = min(width, width * scale * stretch), min(height, height * scale / stretch)
    left, top = rng.uniform(0, width - crop_width), rng.uniform(0, height - crop_height)
    return left, top, left + crop_width, top + crop_height


def _color_jitter(pixels: Images, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """Random brightness, contrast and color of the light, by a lookup table for each channel."""
    brightness, contrast = 1 + rng.uniform(-augment.brightness, augment.brightness, 2)
    gains = 1 + rng.uniform(-augment.color_gain, augment.color_gain, 3)
    mean = pixels.mean()
    levels = (np.arange(256)[:, None] - mean) * contrast + mean
    table = np.clip(levels * brightness * gains, 0, 255).astype(np.uint8)
    return np.stack([table[:, channel][pixels[..., channel]] for channel in range(3)], axis=-1)
