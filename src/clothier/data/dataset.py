"""Labeled data sets in memory. They are checked here, and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError
from clothier.taxonomy import label_key
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.types import FailedInput, Images, Int64Array, Labels


@dataclass(frozen=True, slots=True)
class LabeledImages:
    """N images and their labels.

    Attributes:
        images: (N, H, W) uint8.
        labels: (N,) int64, 0 to K - 1.
        files: N paths if each image is a file; otherwise empty.

    Raises:
        DataError: swapped images and labels, another type or shape, or different lengths.
    """

    images: Images
    labels: Labels
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim == 1 and labels.ndim == 3:
            raise DataError(
                f"images and labels are swapped: got images of shape {images.shape} and labels of shape "
                f"{labels.shape}. Exchange the two."
            )
        if images.ndim != 3 or images.dtype != np.uint8:
            raise DataError(f"images are {images.dtype} of shape {images.shape}; uint8 of shape (N, H, W) is needed.")
        if labels.ndim != 1 or labels.dtype != np.int64:
            raise DataError(f"labels are {labels.dtype} of shape {labels.shape}; int64 of shape (N,) is needed.")
        if len(images) != len(labels):
            raise DataError(
                f"there are {len(images)} images and {len(labels)} labels; one label for each image is needed. "
                "Give the files that belong together."
            )
        if self.files and len(self.files) != len(labels):
            raise DataError(
                f"there are {len(labels)} images and {len(self.files)} files; give one for each image, or none."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: npt.NDArray[np.integer]) -> LabeledImages:
        """Copies of the images at ``indices``, (M,) integers, in that order."""
        files = tuple(self.files[index] for index in indices) if self.files else ()
        return LabeledImages(self.images[indices], self.labels[indices], files)

    @property
    def digest(self) -> str:
        """SHA-256 of the images and labels in their order."""
        return hashlib.sha256(self.images.tobytes() + self.labels.astype("<i8").tobytes()).hexdigest()

    def class_counts(self, num_classes: int) -> Int64Array:
        """Number of images of each of K = ``num_classes`` classes: (K,) int64."""
        return np.bincount(self.labels, minlength=num_classes)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training and test images with their class names.

    Attributes:
        name: of the data set.
        classes: the K class names in the order of the labels.
        train: images for training and validation.
        test: images for the final evaluation only.
        digests: SHA-256 by canonical file name (IDX), or of ``train`` and ``test`` (image folders).
        failures: image files that could not be read.
        warnings: one sentence each, such as on a damaged cache or an unused folder.

    Raises:
        DataError: an empty split, different image sizes, a label without a class, or fewer than two distinct classes.
    """

    name: str
    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages
    digests: Mapping[str, str]
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Names of folders may have control characters, or bytes that are not UTF-8; no card or table can hold those.
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "classes", tuple(map(printable, self.classes)))
        if len({label_key(name) for name in self.classes}) < max(2, len(self.classes)):
            raise DataError(
                f"{self.name} has the classes {list(self.classes)}; two or more distinct ones "
                "are needed, whatever their letter case."
            )
        for name, split in (("training", self.train), ("test", self.test)):
            _check_split(f"{self.name}, {name} split", split, len(self.classes))
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"{self.name} has training images of {_image_size(self.train)} and test images of "
                f"{_image_size(self.test)}; one size is needed. Give the files that belong together."
            )

    def head(self, train: int, test: int) -> Dataset:
        """A smaller data set: the first images of each split, with its own name and digests.

        Args:
            train: number of training images, or all if there are fewer.
            test: number of test images, likewise.

        Raises:
            DataError: a number is 0.
        """
        first, second = (
            split.subset(np.arange(min(count, len(split)))) for split, count in ((self.train, train), (self.test, test))
        )
        name = f"{self.name}, first {len(first):,} and {len(second):,}"
        return replace(
            self, name=name, train=first, test=second, digests={"train": first.digest, "test": second.digest}
        )

    def require_two_classes(self) -> None:
        """DataError if all training images are of one class: there is nothing to compare."""
        counts = self.train.class_counts(len(self.classes))
        if (counts > 0).sum() < 2:
            raise DataError(
                f"all {len(self.train)} training images of {self.name} are of one class, "
                f"{self.classes[int(counts.argmax())]}; two or more are needed. Add images of another class."
            )

    @property
    def digest(self) -> str:
        """One SHA-256 over class names and contents: equal digests mean equal data sets."""
        lines = [*self.classes, *(f"{name} {digest}" for name, digest in sorted(self.digests.items()))]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _check_split(name: str, split: LabeledImages, num_classes: int) -> None:
    if len(split) == 0:
        raise DataError(f"{name} is empty; at least one image is needed.")
    if split.labels.min() < 0 or split.labels.max() >= num_classes:
        wrong = int(split.labels.max() if split.labels.max() >= num_classes else split.labels.min())
        raise DataError(
            f"{name} has the label {wrong}; with {num_classes} classes, labels are 0 to {num_classes - 1}. "
            "Name every class, or give the labels of these images."
        )


def _image_size(images: LabeledImages) -> str:
    return f"{images.images.shape[1]}x{images.images.shape[2]}"
