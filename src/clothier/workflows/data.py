"""``clothier data``: find or fetch Fashion-MNIST and verify it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.data import sources
from clothier.data.release import FASHION_MNIST, Release
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.types import Progress


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """A verified data set.

    Attributes:
        dataset: the data set.
        found: its four files, and warnings about other sources.
        cache: the folder where later commands find it; None if they use the system's copy.
    """

    dataset: Dataset
    found: sources.VerifiedFiles
    cache: Path | None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        data = self.dataset
        return {
            "name": data.name,
            "source": self.found.source,
            "folder": str(self.found.folder),
            "cache": None if self.cache is None else str(self.cache),
            "files": [
                {"name": name, "path": str(path), "bytes": path.stat().st_size, "sha256": data.digests[name]}
                for name, path in self.found.files.items()
            ],
            "counts": {"train": _counts(data.train, data.classes), "test": _counts(data.test, data.classes)},
            "digest": data.digest,
            "warnings": list(self.found.warnings),
        }


def prepare(
    folder: Path | None = None, progress: Progress = no_progress, *, release: Release = FASHION_MNIST
) -> PreparedDataset:
    """Finds or fetches the data and verifies them; later commands then find them.

    Args:
        folder: the user's copy (``--from``), which is verified and copied to the cache; None to try all sources.
        progress: called for downloads and for damaged copies.
        release: the expected files and their sources.

    Raises:
        DataError: the data are missing, damaged, or another data set.
        StorageError: the cache cannot be written.
    """
    found = sources.fetch(folder, release=release, progress=progress)
    if found.source == "folder":
        cache: Path | None = sources.save_to_cache(found.contents, release)
    else:
        cache = None if found.source == "system" else found.folder
    return PreparedDataset(release.dataset(found.contents), found, cache)


def _counts(split: LabeledImages, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, map(int, split.class_counts(len(classes))), strict=True))
