"""Items of a store, page by page.

A page is read from the place where the one before ended (keyset pagination), in the order of an index: the last page of
a million items takes as long as the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select, tuple_

from clothier.catalogue.review.filters import decision_is, is_in_source
from clothier.errors import UnknownNameError
from clothier.store.schema import FILES, HAS_TAG, ITEMS, OUTPUTS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.store import Store
    from clothier.store.store import Row

MAX_FILES = 100  # of an item that are listed
_COLUMNS = [
    ITEMS.c[name]
    for name in (
        *("item_id", "class", "probability", "top", "code", "decision", "reason", "notes", "product", "color"),
        *("model", "thresholds", "tagged_at", "reviewed_class", "reviewed_by", "reviewed_at"),
        *("first_seen_at", "revision"),
    )
]
ORDERS: dict[str, tuple[str, bool]] = {
    "id": ("item_id", False),
    "newest": ("first_seen_at", True),
    "doubtful": ("probability", False),
    "certain": ("probability", True),
}
"""A column of an index, and whether the largest comes first. Items that are equal in it come by id."""

_IS_OF_ITEM = HAS_TAG | ((ITEMS.c.item_id == FILES.c.item_id) & FILES.c.digest.is_(None))  # or could not be read
Place = tuple[Any, str]
"""Where a page ends: the value of the order's column, and the id."""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items; None for any.

    Attributes:
        name: the class: of the review if there is one, else of the model.
        decision: of the model: accept, review, reject or uncalibrated.
        product: the user's.
        model: its name.
        min_probability: of the class.
        max_probability: of the class.
        is_reviewed: whether a person has reviewed it.
        color: the garment's main color.
        text: a part of the id, or of the name of a file; letter case does not matter.
        source: a folder, table or upload that it is in, as the store names it.
    """

    name: str | None = None
    decision: str | None = None
    product: str | None = None
    model: str | None = None
    min_probability: float | None = None
    max_probability: float | None = None
    is_reviewed: bool | None = None
    color: str | None = None
    text: str | None = None
    source: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query of items."""
        items = ITEMS.c
        equal = [(items[name], getattr(self, name)) for name in ("product", "model", "color")]
        found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
        is_reviewed = items.review_id.is_not(None)
        if self.decision is not None:
            found.append(decision_is(self.decision))
        if self.name is not None:
            by_person = is_reviewed & (items.reviewed_class == self.name)
            found.append(by_person | (~is_reviewed & (items["class"] == self.name)))
        if self.min_probability is not None:
            found.append(items.probability >= self.min_probability)
        if self.max_probability is not None:
            found.append(items.probability <= self.max_probability)
        if self.is_reviewed is not None:
            found.append(is_reviewed if self.is_reviewed else ~is_reviewed)
        if self.text:
            files = select(FILES.c.item_id).where(FILES.c.file.icontains(self.text, autoescape=True))
            found.append(items.item_id.icontains(self.text, autoescape=True) | items.item_id.in_(files))
        if self.source is not None:
            found.append(is_in_source(self.source))
        return found


EVERYTHING = ItemFilter()


def list_items(
    store: Store, wanted: ItemFilter, *, order: str = "id", after: Place | None = None, limit: int
) -> list[Row]:
    """The first ``limit`` items in one of the :data:`ORDERS`, of those that come after a place.

    Raises:
        UnknownNameError: no such order.
    """
    if order not in ORDERS:
        raise UnknownNameError(order, "order of items", ORDERS)
    name, is_descending = ORDERS[order]
    keys: Sequence[ColumnElement[Any]] = [ITEMS.c.item_id] if name == "item_id" else [ITEMS.c[name], ITEMS.c.item_id]
    query = select(*_COLUMNS).where(*wanted.conditions()).limit(limit)
    query = query.order_by(*(one.desc() if is_descending else one for one in keys))
    if after is not None:
        place = tuple_(*after[-len(keys) :])
        query = query.where(tuple_(*keys) < place if is_descending else tuple_(*keys) > place)
    return store.rows_of(query)


def place_of(row: Row, order: str) -> Place:
    """Where a page ends whose last row this is."""
    return row[ORDERS[order][0]], row["item_id"]


def count_items(store: Store, wanted: ItemFilter, limit: int) -> int:
    """The number of items, counted up to ``limit``."""
    some = select(ITEMS.c.item_id).where(*wanted.conditions()).limit(limit).subquery()
    return store.read(lambda connection: connection.scalar(select(func.count()).select_from(some)) or 0)


def colors_of(store: Store, item_ids: Sequence[str]) -> dict[str, list[Row]]:
    """The colors of the garments of these items, each with ``name``, ``hex`` and ``share``, the largest first."""
    query = (
        select(ITEMS.c.item_id, OUTPUTS.c.colors)
        .join(OUTPUTS, OUTPUTS.c.digest == ITEMS.c.digest)
        .where(ITEMS.c.item_id.in_(item_ids), OUTPUTS.c.colors.is_not(None))
        .order_by(OUTPUTS.c.model_id)
    )
    return {one["item_id"]: one["colors"] for one in store.rows_of(query)}


def files_of(store: Store, item_ids: Sequence[str]) -> dict[str, str]:
    """The file of each of these items that has any that showed it last, as its source names it."""
    query = select(FILES.c.item_id, FILES.c.file).join(ITEMS, _IS_OF_ITEM).where(FILES.c.item_id.in_(item_ids))
    query = query.order_by(FILES.c.run_id, FILES.c.position.desc())
    return {one["item_id"]: one["file"] for one in store.rows_of(query)}


def find_item(store: Store, item_id: str) -> Row | None:
    """An item with its ``files`` and its ``history``; None if there is no such item."""
    found = store.rows_of(select(*_COLUMNS).where(ITEMS.c.item_id == item_id))
    if not found:
        return None
    files = (
        select(SOURCES.c.name.label("source"), FILES.c.file)
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .join(ITEMS, _IS_OF_ITEM)
        .where(FILES.c.item_id == item_id)
        .order_by(FILES.c.run_id.desc(), FILES.c.position)
        .limit(MAX_FILES)
    )
    return {**found[0], "files": store.rows_of(files), "history": store.history(item_id)}
