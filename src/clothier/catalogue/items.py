"""Items of a store, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select

from clothier.catalogue.store.schema import FILES, ITEMS, SOURCES

if TYPE_CHECKING:
    from clothier.catalogue.store import Store
    from clothier.catalogue.store.store import Row

MAX_FILES = 100  # of an item that are listed
_COLUMNS = [
    ITEMS.c[name]
    for name in (
        *("item_id", "class", "probability", "top", "code", "decision", "reason", "notes", "product", "color"),
        *("model", "thresholds", "tagged_at", "reviewed_class", "reviewed_by", "reviewed_at"),
    )
]


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items; None for any.

    Attributes:
        name: the class: of the review if there is one, else of the model.
        decision: of the model.
        product: the user's.
        model: its name.
        min_probability: of the class.
        max_probability: of the class.
        is_reviewed: whether a person has reviewed it.
    """

    name: str | None = None
    decision: str | None = None
    product: str | None = None
    model: str | None = None
    min_probability: float | None = None
    max_probability: float | None = None
    is_reviewed: bool | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query of items."""
        items = ITEMS.c
        equal = [(items[name], getattr(self, name)) for name in ("decision", "product", "model")]
        found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
        is_reviewed = items.review_id.is_not(None)
        if self.name is not None:
            by_person = is_reviewed & (items.reviewed_class == self.name)
            found.append(by_person | (~is_reviewed & (items["class"] == self.name)))
        if self.min_probability is not None:
            found.append(items.probability >= self.min_probability)
        if self.max_probability is not None:
            found.append(items.probability <= self.max_probability)
        if self.is_reviewed is not None:
            found.append(is_reviewed if self.is_reviewed else ~is_reviewed)
        return found


def list_items(store: Store, wanted: ItemFilter, *, after: str | None, limit: int) -> list[Row]:
    """The first ``limit`` items by id, of those that come after the id ``after``."""
    query = select(*_COLUMNS).where(*wanted.conditions()).order_by(ITEMS.c.item_id).limit(limit)
    query = query.where(ITEMS.c.item_id > after) if after is not None else query
    return store.rows_of(query)


def find_item(store: Store, item_id: str) -> Row | None:
    """An item with its ``files`` and its ``history``; None if there is no such item."""
    found = store.rows_of(select(*_COLUMNS).where(ITEMS.c.item_id == item_id))
    if not found:
        return None
    files = (
        select(SOURCES.c.name.label("source"), FILES.c.file)
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .where(FILES.c.item_id == item_id)
        .order_by(FILES.c.source_id, FILES.c.key)
        .limit(MAX_FILES)
    )
    return {**found[0], "files": store.rows_of(files), "history": store.history(item_id)}
