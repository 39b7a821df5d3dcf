"""The use case of ``clothier data``: find or fetch Fashion-MNIST, verify it, say where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.data import sources
from clothier.data.release import FASHION_MNIST, Release
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import LabeledImages
    from clothier.types import Progress


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """A verified data set.

    Attributes:
        name: of the data set.
        location: where it lies, its four files, and notes on what was wrong elsewhere.
        cache: the folder where every later command finds it, or None where the system's own copy serves.
        counts: pictures a class, by part (``train``, ``test``) and class name.
        digest: one SHA-256 over all of it.
    """

    name: str
    location: sources.DatasetLocation
    cache: Path | None
    counts: dict[str, dict[str, int]]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "name": self.name,
            "source": self.location.source,
            "folder": str(self.location.folder),
            "cache": None if self.cache is None else str(self.cache),
            "files": [
                {"name": file.name, "path": str(file.path), "bytes": file.size, "sha256": file.sha256}
                for file in self.location.files
            ],
            "counts": self.counts,
            "digest": self.digest,
            "warnings": list(self.location.warnings),
        }


def prepare(
    folder: Path | None = None, progress: Progress = no_progress, *, release: Release = FASHION_MNIST
) -> PreparedDataset:
    """Finds or fetches the data, verifies them, and sees to it that later commands find them.

    Args:
        folder: the user's own copy (``--from``): verified and copied to the cache; None to look everywhere.
        progress: told of downloads, and of damaged copies that were passed over.
        release: which bytes are wanted, and where they may be had.

    Raises:
        DataError: missing, damaged or foreign; the sentence says which file and what to do.
        StorageError: the cache cannot be written.
    """
    obtained = sources.fetch(folder, release=release, progress=progress)
    located = obtained.location
    if located.source == "folder":
        cache: Path | None = sources.save_to_cache(obtained.contents, release)
    else:
        cache = None if located.source == "system" else located.folder
    dataset = release.dataset(obtained.contents)
    counts = {"train": _counts(dataset.train, dataset.classes), "test": _counts(dataset.test, dataset.classes)}
    return PreparedDataset(release.name, located, cache, counts, dataset.digest)


def _counts(split: LabeledImages, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, map(int, split.class_counts(len(classes))), strict=True))
