"""The release of Fashion-MNIST: the digests of its files, their sources, and their verification.

On 31 August 2017 Zalando replaced images that were in both the training and the test set
(zalandoresearch/fashion-mnist, issue 44). Accuracies on the older files are about 0.4 percentage points too high, so
the older files are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.data import idx, idx_files
from clothier.data.dataset import Dataset
from clothier.data.idx_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, sha256
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    Contents = Mapping[str, bytes]  # canonical file name to uncompressed bytes


@dataclass(frozen=True, slots=True)
class Release:
    """A data set in four IDX files with known digests.

    Attributes:
        name: of the data set; in lower case, of its folder in the cache.
        digests: canonical file name to the SHA-256 of the uncompressed bytes.
        system_dir: where the Debian package installs the files.
        debian_package: its name.
        mirrors: URLs of folders with the four files as .gz.
    """

    name: str
    digests: Mapping[str, str]
    system_dir: Path
    debian_package: str
    mirrors: tuple[str, ...]

    def read(self, files: Mapping[str, Path], folder: Path) -> Contents:
        """Reads and verifies the ``files`` that ``idx_files.find_files(folder)`` found; DataError if one is wrong."""
        idx_files.require_all(files, folder)
        contents = {name: idx.read_uncompressed(files[name]) for name in self.digests}
        for name, content in contents.items():
            self.verify(name, content, str(files[name]))
        return contents

    def verify(self, name: str, content: bytes, source: str) -> None:
        """DataError unless ``content``, uncompressed, is the file ``name``: both digests, and what it is instead."""
        expected, got = self.digests[name], sha256(content)
        if got != expected:
            cause = self._mismatch_reason(name, content, got, source)
            raise DataError(f"{cause} SHA-256 of the uncompressed bytes: expected {expected}, got {got}.")

    def dataset(self, contents: Contents, warnings: tuple[str, ...] = ()) -> Dataset:
        """The data set in verified ``contents``."""
        arrays = {name: idx.decode(content, name) for name, content in contents.items()}
        return Dataset(
            name=self.name,
            classes=FASHION_MNIST_CLASSES,
            train=idx_files.labeled_images(arrays, TRAIN_IMAGES, TRAIN_LABELS),
            test=idx_files.labeled_images(arrays, TEST_IMAGES, TEST_LABELS),
            digests=dict(self.digests),
            warnings=warnings,
        )

    def _mismatch_reason(self, name: str, content: bytes, digest: str, source: str) -> str:
        others = [other for other, known in self.digests.items() if known == digest]
        if others:
            return f"{source} has the content of {others[0]}: the files are swapped. Exchange them."
        try:
            array = idx.decode(content, source)
        except DataError as error:
            return str(error)
        if (array.ndim == 1) != ("labels" in name):
            kinds = ("labels", "images") if array.ndim == 1 else ("images", "labels")
            return f"{source} has {kinds[0]} instead of {kinds[1]}: the files are swapped. Exchange them."
        return f"{source} is not the file of {self.name}: it was changed, or is of another data set. Replace it."


FASHION_MNIST = Release(
    name="Fashion-MNIST",
    digests={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    system_dir=Path("/usr/share/datasets/fashion-mnist"),
    debian_package="dataset-fashion-mnist",
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
)
