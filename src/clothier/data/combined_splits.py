"""Both parts of a data set in one row, for whoever looks for something across them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Images, Labels

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """N pictures: those of the training part, then those of the test part.

    Attributes:
        images: (N, H, W) uint8.
        labels: (N,) int64.
        files: N paths, or none.
        in_train: how many are of the training part.
        classes: the K names.
    """

    images: Images
    labels: Labels
    files: tuple[str, ...]
    in_train: int
    classes: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Pool:
        """The pictures of ``dataset``; a copy."""
        train, test = dataset.train, dataset.test
        images = np.concatenate([train.images, test.images])
        labels = np.concatenate([train.labels, test.labels])
        return cls(images, labels, train.files + test.files, len(train), dataset.classes)

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def part(self, place: int) -> Part:
        """The part of the picture at ``place``."""
        return "train" if place < self.in_train else "test"

    def index(self, place: int) -> int:
        """Its place in that part, counted from 0."""
        return place if place < self.in_train else place - self.in_train

    def file(self, place: int) -> str | None:
        """Its path, where it has one."""
        return self.files[place] if self.files else None

    def class_of(self, place: int) -> str:
        """The name of the class that it is labelled with."""
        return self.classes[int(self.labels[place])]

    def name(self, place: int) -> str:
        """What a caption calls it: ``train 45592``, or the name of its file."""
        file = self.file(place)
        return f"{self.part(place)} {self.index(place)}" if file is None else Path(file).name
