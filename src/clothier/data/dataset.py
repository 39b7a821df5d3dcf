"""What a labelled data set is once it is in memory; checked here, trusted everywhere after."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.types import FailedInput, Images, Labels


@dataclass(frozen=True, slots=True)
class LabeledImages:
    """N pictures and their labels.

    Attributes:
        images: (N, H, W) uint8.
        labels: (N,) int64, 0 to K - 1.
        files: N paths, where each picture is a file of its own; empty otherwise.

    Raises:
        DataError: the two are swapped, of other types or shapes, or of different lengths.
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
                f"there are {len(images)} images and {len(labels)} labels; each image needs its one label. "
                "Give the files that belong together."
            )
        if self.files and len(self.files) != len(labels):
            raise DataError(f"there are {len(labels)} images and {len(self.files)} files; name one for each, or none.")

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def subset(self, indices: npt.NDArray[np.integer]) -> LabeledImages:
        """The pictures at ``indices``, (M,) integers, in that order; copies."""
        files = tuple(self.files[index] for index in indices) if self.files else ()
        return LabeledImages(self.images[indices], self.labels[indices], files)

    @property
    def digest(self) -> str:
        """SHA-256 of what a model is shown: pictures and labels, in their order."""
        return hashlib.sha256(self.images.tobytes() + self.labels.astype("<i8").tobytes()).hexdigest()

    def class_counts(self, num_classes: int) -> npt.NDArray[np.int64]:
        """How many pictures each of K = ``num_classes`` classes has: (K,) int64."""
        return np.bincount(self.labels, minlength=num_classes)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set to train on and one to test on, and where their bytes come from.

    Attributes:
        name: what figures and cards call it.
        classes: the K class names in the order of the labels.
        train: what may be learnt from; splits for validation are cut out of it.
        test: what only `evaluate` reads.
        digests: SHA-256 by canonical file name (IDX), or of ``train`` and ``test`` (folders of pictures).
        failures: pictures that could not be read and are not among the N.
        warnings: what the user should be told, a sentence each: a damaged cache that was passed over, a folder unused.

    Raises:
        DataError: a part is empty, the picture sizes differ, a label has no class, a class has no name of its own.
    """

    name: str
    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages
    digests: Mapping[str, str]
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise DataError(f"{self.name} has the classes {list(self.classes)}; two or more, each once, are needed.")
        for part, labelled in (("training", self.train), ("test", self.test)):
            _check_split(f"{self.name}, {part} part", labelled, len(self.classes))
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"{self.name} has training pictures of {_image_size(self.train)} and test pictures of "
                f"{_image_size(self.test)}; one size is needed. Give the files that belong together."
            )

    def head(self, train: int, test: int) -> Dataset:
        """A smaller data set to try things on: the first pictures of each part, under a name and digests of its own.

        Args:
            train: how many of the training part, or all where it has fewer.
            test: likewise.

        Raises:
            DataError: none were asked for.
        """
        kept = [
            part.subset(np.arange(min(count, len(part)))) for part, count in ((self.train, train), (self.test, test))
        ]
        name = f"{self.name}, first {len(kept[0]):,} and {len(kept[1]):,}"
        digests = {"train": kept[0].digest, "test": kept[1].digest}
        return replace(self, name=name, train=kept[0], test=kept[1], digests=digests)

    def require_two_classes(self) -> None:
        """Refuses training images of one class only: there is nothing to compare.

        Raises:
            DataError: it names the class.
        """
        counts = self.train.class_counts(len(self.classes))
        if (counts > 0).sum() < 2:
            raise DataError(
                f"all {len(self.train)} training images of {self.name} are of one class, "
                f"{self.classes[int(counts.argmax())]}; two or more are needed. Add images of another class."
            )

    @property
    def digest(self) -> str:
        """One SHA-256 over classes and contents: two data sets with the same are the same."""
        lines = [*self.classes, *(f"{name} {digest}" for name, digest in sorted(self.digests.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _check_split(name: str, split: LabeledImages, num_classes: int) -> None:
    if len(split) == 0:
        raise DataError(f"{name} is empty; at least one picture is needed.")
    if split.labels.min() < 0 or split.labels.max() >= num_classes:
        wrong = int(split.labels.max() if split.labels.max() >= num_classes else split.labels.min())
        raise DataError(
            f"{name} has the label {wrong}; with {num_classes} classes labels go from 0 to {num_classes - 1}. "
            "Name every class, or give the labels that belong to these images."
        )


def _image_size(images: LabeledImages) -> str:
    return f"{images.images.shape[1]}x{images.images.shape[2]}"
