"""The training and the test images of a data set in one array, for comparisons across them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from clothier.untrusted import printable

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Images, Labels

SplitName = Literal["train", "test"]


@dataclass(frozen=True, slots=True, eq=False)
class CombinedLabels:
    """What is known of N images: the training images, then the test images.

    Attributes:
        labels: (N,) int64.
        files: N paths, or none.
        n_train: number of training images.
        classes: the K class names.
    """

    labels: Labels
    files: tuple[str, ...]
    n_train: int
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, index: int) -> SplitName:
        """The split of the image at ``index``."""
        return "train" if index < self.n_train else "test"

    def index_in_split(self, index: int) -> int:
        """The index of the image within its split."""
        return index if index < self.n_train else index - self.n_train

    def file(self, index: int) -> str | None:
        """The path of the image, if it is a file."""
        return self.files[index] if self.files else None

    def class_name(self, index: int) -> str:
        """The class that the image is labeled with."""
        return self.classes[int(self.labels[index])]

    def caption(self, index: int) -> str:
        """``train 45592``, or the name of the file."""
        file = self.file(index)
        return f"{self.split(index)} {self.index_in_split(index)}" if file is None else printable(Path(file).name)


@dataclass(frozen=True, slots=True, eq=False)
class CombinedSplits(CombinedLabels):
    """The same, with the images."""

    images: Images  # (N, H, W) uint8

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> CombinedSplits:
        """A copy of the images of ``dataset``."""
        train, test = dataset.train, dataset.test
        labels = np.concatenate([train.labels, test.labels])
        images = np.concatenate([train.images, test.images])
        return cls(labels, train.files + test.files, len(train), dataset.classes, images)
