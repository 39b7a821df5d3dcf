"""Both parts of a data set in one row, for whoever looks for something across them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Images, Labels

SplitName = Literal["train", "test"]


@dataclass(frozen=True, slots=True, eq=False)
class CombinedSplits:
    """N pictures: those of the training part, then those of the test part.

    Attributes:
        images: (N, H, W) uint8.
        labels: (N,) int64.
        files: N paths, or none.
        n_train: how many are of the training part.
        classes: the K names.
    """

    images: Images
    labels: Labels
    files: tuple[str, ...]
    n_train: int
    classes: tuple[str, ...]

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> CombinedSplits:
        """The pictures of ``dataset``; a copy."""
        train, test = dataset.train, dataset.test
        images = np.concatenate([train.images, test.images])
        labels = np.concatenate([train.labels, test.labels])
        return cls(images, labels, train.files + test.files, len(train), dataset.classes)

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def split(self, index: int) -> SplitName:
        """The part of the picture at ``index_in_split``."""
        return "train" if index < self.n_train else "test"

    def index_in_split(self, index: int) -> int:
        """Its place in that part, counted from 0."""
        return index if index < self.n_train else index - self.n_train

    def file(self, index: int) -> str | None:
        """Its path, where it has one."""
        return self.files[index] if self.files else None

    def class_name(self, index: int) -> str:
        """The name of the class that it is labelled with."""
        return self.classes[int(self.labels[index])]

    def caption(self, index: int) -> str:
        """What a caption calls it: ``train 45592``, or the name of its file."""
        file = self.file(index)
        return f"{self.split(index)} {self.index_in_split(index)}" if file is None else Path(file).name
