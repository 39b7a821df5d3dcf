"""What ``clothier.open_store`` returns: a store with everything that is done with one, as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.catalogue import review, versions
from clothier.catalogue.drift import drift
from clothier.catalogue.review.queue import EVERYTHING
from clothier.catalogue.sources import list_sources, remove_source
from clothier.store import Store
from clothier.store.engine import parse_url
from clothier.types import MAX_ACCEPTED, SHARE_ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clothier.catalogue.drift import Drift
    from clothier.catalogue.review import ActionResult, Filter, Judgment, Page, ReviewItem, ReviewStatistics
    from clothier.catalogue.sources import RemovedSource, SourceSummary
    from clothier.catalogue.versions import ModelVersion


class CatalogueStore(Store):
    """A store of tags: who reviewed what, how good the model is, and which model tags.

    with clothier.open_store("tags.db") as store:
        page = store.queue(limit=20)
        store.accept({page.items[0].item_id: page.items[0].revision}, "anna")
        print(store.statistics().guarantee.message)
    """

    def queue(
        self,
        filters: Filter = EVERYTHING,
        *,
        limit: int = 50,
        after: str | None = None,
        share_accepted: float = SHARE_ACCEPTED,
        order: str = "doubtful",
    ) -> Page:
        """A page of the items that nobody has reviewed yet (:func:`clothier.catalogue.review.queue.queue`)."""
        return review.queue(self, filters, limit=limit, after=after, share_accepted=share_accepted, order=order)

    def items(self, item_ids: Sequence[str]) -> tuple[ReviewItem, ...]:
        """These items, reviewed or not; those that are not in the store are left out."""
        return review.find_items(self, item_ids)

    def accept(self, seen: Mapping[str, int | None], reviewer: str, *, key: str | None = None) -> ActionResult:
        """Says that the model's class is right (:func:`clothier.catalogue.review.actions.accept`)."""
        return review.accept(self, seen, reviewer, key=key)

    def correct(
        self, seen: Mapping[str, int | None], class_name: str | None, reviewer: str, *, key: str | None = None
    ) -> ActionResult:
        """Says which class is right; None for none (:func:`clothier.catalogue.review.actions.correct`)."""
        return review.correct(self, seen, class_name, reviewer, key=key)

    def review(self, judgments: Sequence[Judgment], reviewer: str, *, key: str | None = None) -> ActionResult:
        """Records judgments that differ from item to item (:func:`clothier.catalogue.review.actions.review`)."""
        return review.review(self, judgments, reviewer, key=key)

    def accept_all(
        self, filters: Filter, reviewer: str, *, limit: int = MAX_ACCEPTED, key: str | None = None
    ) -> ActionResult:
        """Accepts all tags that match (:func:`clothier.catalogue.review.actions.accept_all`)."""
        return review.accept_all(self, filters, reviewer, limit=limit, key=key)

    def undo(self, reviewer: str, *, key: str | None = None) -> ActionResult:
        """Takes the whole last action of a reviewer back (:func:`clothier.catalogue.review.actions.undo`)."""
        return review.undo(self, reviewer, key=key)

    def statistics(self, *, share_accepted: float = SHARE_ACCEPTED) -> ReviewStatistics:
        """How often the model is right, and whether its guarantee still holds."""
        return review.statistics(self, share_accepted=share_accepted)

    def drift(self, *, share_accepted: float = SHARE_ACCEPTED) -> Drift:
        """Whether the catalogue changed, by week (:func:`clothier.catalogue.drift.drift`)."""
        return drift(self, share_accepted=share_accepted)

    def sources(self) -> list[SourceSummary]:
        """The folders, tables and uploads whose photos it has, by name."""
        return list_sources(self)

    def remove_source(self, source: str, actor: str, *, only_missing: bool = False) -> RemovedSource:
        """Removes a source and the items that no other has (:func:`clothier.catalogue.sources.remove_source`)."""
        with self.locked():
            return remove_source(self, source, actor, only_missing=only_missing)

    def versions(self) -> list[ModelVersion]:
        """The models that tagged, the one that was registered last first."""
        return versions.versions(self)

    def promote(self, version: str, actor: str) -> ModelVersion:
        """Makes a version the one that tags by default (:func:`clothier.catalogue.versions.promote`)."""
        return versions.promote(self, version, actor)

    def roll_back(self, actor: str) -> ModelVersion | None:
        """Takes the last promotion back (:func:`clothier.catalogue.versions.roll_back`)."""
        return versions.roll_back(self, actor)


def open_store(store: str | Path) -> CatalogueStore:
    """Opens a store of tags, or creates it.

    Args:
        store: a file for SQLite, or a URL such as ``postgresql://user@host/database``.

    Raises:
        UsageError: another kind of database.
        DataError: not a store, damaged, or newer than this Clothier.
        StorageError: the database cannot be reached, or the file not be written.
    """
    return CatalogueStore(parse_url(store))
