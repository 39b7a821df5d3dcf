"""Today's release of Fashion-MNIST: which bytes it is, where copies of it can be had, and whether these are it.

On 31 August 2017 Zalando replaced images that stood in both parts (zalandoresearch/fashion-mnist issue 44);
figures for the older files run some 0.4 points high, so only the newer ones pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.data import idx, idx_files
from clothier.data.dataset import Dataset
from clothier.data.idx_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, sha256
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST_CLASSES as CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    Contents = Mapping[str, bytes]  # canonical file name to uncompressed bytes

REPLACE_FILE_HINT = "Put an unaltered copy in its place."
ANY_IDX_HINT = "Put Fashion-MNIST's own file in its place, or add --any-idx to take another data set as it is."


@dataclass(frozen=True, slots=True)
class Release:
    """A data set in four IDX files whose bytes are known.

    Attributes:
        name: what figures and cards call it; in small letters, its folder in the cache.
        digests: canonical file name to the SHA-256 of the uncompressed bytes. Never of the .gz: the same bytes
            compressed elsewhere have another one.
        system_dir: where the system keeps it when its package is installed.
        debian_package: Debian's name for that package; its files lie under ``system_dir`` in it.
        mirrors: web folders that hold the four files as .gz.
    """

    name: str
    digests: Mapping[str, str]
    system_dir: Path
    debian_package: str
    mirrors: tuple[str, ...]

    def read(self, files: Mapping[str, Path], folder: Path, hint: str = REPLACE_FILE_HINT) -> Contents:
        """Reads and verifies the four files, canonical name to path.

        Args:
            files: what :func:`clothier.data.idx_files.find_files` found.
            folder: where it looked, for the sentence.
            hint: what the user can do about a whole file with other bytes.

        Raises:
            DataError: one is missing, damaged, altered or foreign; the sentence names it.
        """
        idx_files.require_all(files, folder)
        contents = {name: idx.read_uncompressed(files[name]) for name in self.digests}
        for name, content in contents.items():
            self.verify(name, content, str(files[name]), hint)
        return contents

    def verify(self, name: str, content: bytes, source: str, hint: str = REPLACE_FILE_HINT) -> None:
        """Checks that ``content``, uncompressed, is the release's file ``name``; ``source`` is for the sentence.

        Raises:
            DataError: it is not; the sentence has both digests and says what the bytes are instead.
        """
        expected, got = self.digests[name], sha256(content)
        if got != expected:
            cause = self._mismatch_reason(name, content, got, source, hint)
            raise DataError(f"{cause} SHA-256 of the uncompressed bytes: expected {expected}, got {got}.")

    def dataset(self, contents: Contents, warnings: tuple[str, ...] = ()) -> Dataset:
        """The data set in verified ``contents``."""
        arrays = {name: idx.decode(content, name) for name, content in contents.items()}
        return Dataset(
            name=self.name,
            classes=CLASSES,
            train=idx_files.labeled_images(arrays, TRAIN_IMAGES, TRAIN_LABELS),
            test=idx_files.labeled_images(arrays, TEST_IMAGES, TEST_LABELS),
            digests=dict(self.digests),
            warnings=warnings,
        )

    def _mismatch_reason(self, name: str, content: bytes, digest: str, source: str, hint: str) -> str:
        others = [other for other, known in self.digests.items() if known == digest]
        if others:
            return f"{source} holds the bytes of {others[0]}: the files are swapped. Exchange them."
        try:
            array = idx.decode(content, source)
        except DataError as error:
            return str(error)
        if (array.ndim == 1) != ("labels" in name):
            kinds = ("labels", "images") if array.ndim == 1 else ("images", "labels")
            return f"{source} holds {kinds[0]} where {kinds[1]} belong: the files are swapped. Exchange them."
        return f"{source} is whole, but not {self.name}'s: it is altered, or of another data set. {hint}"


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
