"""``clothier sources``: the folders, tables and uploads of a store, and the removal of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.catalogue.review.actions import check_reviewer
from clothier.catalogue.sources import list_sources, remove_source
from clothier.store import open_existing_store
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.catalogue.sources import RemovedSource, SourceSummary
    from clothier.types import Progress


@dataclass(frozen=True, slots=True)
class SourcesResult:
    """The sources of a store, and the one that was removed now."""

    store: str
    sources: tuple[SourceSummary, ...]
    removed: RemovedSource | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "store": self.store,
            "sources": [one.to_json() for one in self.sources],
            "removed": self.removed.to_json() if self.removed else None,
        }


def sources(store: str | Path) -> SourcesResult:
    """The sources of a store.

    Raises:
        DataError: the store is missing or damaged.
    """
    with open_existing_store(store) as opened:
        return SourcesResult(opened.name, tuple(list_sources(opened)))


def remove(
    store: str | Path, source: str, actor: str, *, only_missing: bool = False, progress: Progress = no_progress
) -> SourcesResult:
    """Removes a source with its files and the items that no other source has; no photo is deleted.

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        source: as the store names it, or a path of it.
        actor: who does it.
        only_missing: remove only the files that its last finished run did not see.
        progress: receives the number of files.

    Raises:
        UsageError: no such source, an upload that is not done, or another process tags.
        DataError: the store is missing or damaged.
        StorageError: the store cannot be written; the next call continues.
    """
    person = check_reviewer(actor)
    with open_existing_store(store) as opened, opened.locked():
        removed = remove_source(opened, source, person, only_missing=only_missing, progress=progress)
        return SourcesResult(opened.name, tuple(list_sources(opened)), removed)
