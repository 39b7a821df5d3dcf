"""The queue of tags that a person should look at: the doubtful ones first, and a random share of the accepted ones.

Every tenth item is an accepted one, so that both are reviewed at any time. The sample of accepted tags is what the risk
guarantee is checked on (:mod:`clothier.catalogue.review.statistics`). It is random, but always the same for an item and
a version of the thresholds: those whose number ``draw`` is below the share.

Pages are read from an index, from the place where the last page ended (keyset pagination). So the thousandth page takes
as long as the first, and items that others review meanwhile do not shift it.
"""

from __future__ import annotations

import base64
import json
import math
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, tuple_

from clothier.catalogue.review.filters import Filter, decision_is
from clothier.errors import UnknownNameError, UsageError
from clothier.store.schema import FILES, HAS_TAG, ITEMS, SOURCES
from clothier.types import SHARE_ACCEPTED
from clothier.untrusted import is_storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

    from clothier.store import Store

SAMPLE_EVERY = 10  # items of the queue, one of which is an accepted one
DOUBTFUL = ("review", None, "reject")  # decisions in the order of the queue; None is that of an uncalibrated model
ORDERS = ("doubtful", "random")
MAX_LIMIT = 1_000  # items of a page
EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An item for a person to look at.

    Attributes:
        item_id: of the store.
        revision: to be given with a review of the item: another one means that it was changed meanwhile.
        file: the photo, as its source names it.
        source: the folder or table that the photo is in.
        product: "" if there is none.
        class_name: the model's class.
        probability: of that class, 0 to 1.
        top: the most probable classes with their probabilities, best first.
        decision: accept, review, reject; None if the model is not calibrated.
        reason: for the decision, in a sentence.
        color: the garment's main color; None if it is unknown.
        is_sample: whether it was drawn at random.
        reviewed_by: who reviewed it; None if nobody did.
        reviewed_at: when.
        reviewed_class: the right class by that review; None for none of the classes.
    """

    item_id: str
    revision: int
    file: str
    source: str
    product: str
    class_name: str
    probability: float
    top: tuple[tuple[str, float], ...]
    decision: str | None
    reason: str
    color: str | None
    is_sample: bool = False
    reviewed_by: str | None = None
    reviewed_at: str | None = None
    reviewed_class: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"class" if name == "class_name" else name: value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of the queue.

    Attributes:
        items: in the order of the queue.
        after: where the next page begins; None if this is the last.
    """

    items: tuple[ReviewItem, ...]
    after: str | None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"items": [one.to_json() for one in self.items], "after": self.after}


Position = list[Any]
Stream = list[tuple[Position, "RowMapping"]]


@dataclass(slots=True)
class _Cursor:
    """The place behind the last item: its number, and the last position in each of the two streams."""

    n: int = 0
    doubtful: Position | None = None  # number of the decision, probability, id
    drawn: Position | None = None  # draw, id

    def encode(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(asdict(self), ensure_ascii=False).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> _Cursor:
        try:
            values = json.loads(base64.urlsafe_b64decode(text.encode()))
            doubtful, drawn = values["doubtful"], values["drawn"]
            if doubtful is not None:
                decision, probability, item_id = doubtful
                doubtful = [range(len(DOUBTFUL)).index(decision), *_place(probability, item_id)]
            return cls(max(int(values["n"]), 0), doubtful, None if drawn is None else _place(*drawn))
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise UsageError(f"{text!r} is no place in the queue. Give `after` of a page, unchanged.") from error


def _place(number: Any, item_id: Any) -> Position:
    """Of a row in a stream.

    Raises:
        ValueError: no row has it.
    """
    if isinstance(item_id, str) and is_storable(item_id) and math.isfinite(number):
        return [float(number), item_id]
    raise ValueError


def queue(
    store: Store,
    filters: Filter = EVERYTHING,
    *,
    limit: int = 50,
    after: str | None = None,
    share_accepted: float = SHARE_ACCEPTED,
    order: str = "doubtful",
) -> Page:
    """A page of the items that nobody has reviewed yet.

    Args:
        store: of the catalogue.
        filters: which items; with a decision, only those, by ascending probability.
        limit: items of a page, 1 to 1,000.
        after: ``Page.after`` of the page before; None for the first page.
        share_accepted: fraction of the accepted tags that belongs to the queue, 0 to 1.
        order: "doubtful": those to review by ascending probability, then those without a decision, then the rejected
            ones; every tenth is an accepted one. "random": all items in random order, as calibration needs them.

    Raises:
        UsageError: an impossible limit, share or place.
        UnknownNameError: an unknown order, decision or source.
    """
    _check(limit, share_accepted, order)
    cursor = _Cursor.decode(after) if after else _Cursor()

    def work(connection: Connection) -> Page:
        filters.check(connection)
        here = replace(cursor)  # the work may be done again
        if order == "random":
            where = [decision_is(filters.decision)] if filters.decision else []
            streams: list[Stream] = [[], _drawn(connection, filters, where, here, limit)]
        elif filters.decision:
            streams = [_doubtful(connection, filters, [filters.decision], here, limit), []]
        else:
            where = [decision_is("accept"), _draw(filters) < share_accepted]
            doubtful = _doubtful(connection, filters, DOUBTFUL, here, limit)
            streams = [doubtful, _drawn(connection, filters, where, here, limit)]
        merged = list(_merge(streams, here, limit))
        items = with_files(connection, [row for _, row in merged], filters)
        marked = (replace(item, is_sample=is_sample) for item, (is_sample, _) in zip(items, merged, strict=True))
        return Page(tuple(marked), here.encode() if len(merged) == limit else None)

    return store.read(work)


def find_items(store: Store, item_ids: Sequence[str]) -> tuple[ReviewItem, ...]:
    """These items, reviewed or not, in this order; those that are not in the store are left out."""

    def work(connection: Connection) -> tuple[ReviewItem, ...]:
        rows = connection.execute(select(ITEMS).where(ITEMS.c.item_id.in_(item_ids))).mappings()
        found = {row["item_id"]: row for row in rows}
        return with_files(connection, [found[one] for one in item_ids if one in found])

    return store.read(work)


def _check(limit: int, share_accepted: float, order: str) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError(f"a page has 1 to {MAX_LIMIT:,} items, not {limit}.")
    if not 0 <= share_accepted <= 1:
        raise UsageError(f"the share of accepted tags is {share_accepted}; it must be 0 to 1.")
    if order not in ORDERS:
        raise UnknownNameError(order, "order of the queue", ORDERS)


def _merge(streams: Sequence[Stream], cursor: _Cursor, limit: int) -> Iterator[tuple[bool, RowMapping]]:
    """Rows, and whether they are from the second stream, as every tenth is; when one has no more, the other."""
    doubtful, drawn = (deque(one) for one in streams)
    for _ in range(min(limit, len(doubtful) + len(drawn))):
        is_drawn = bool(drawn) and (not doubtful or cursor.n % SAMPLE_EVERY == SAMPLE_EVERY - 1)
        position, row = (drawn if is_drawn else doubtful).popleft()
        cursor.n += 1
        if is_drawn:
            cursor.drawn = position
        else:
            cursor.doubtful = position
        yield is_drawn, row


def _doubtful(
    connection: Connection, filters: Filter, decisions: Sequence[str | None], cursor: _Cursor, limit: int
) -> Stream:
    """Items with these decisions, one decision after the other, each by ascending probability."""
    start = cursor.doubtful[0] if cursor.doubtful else 0
    found: Stream = []
    for number, decision in list(enumerate(decisions))[start:]:
        where = [decision_is(decision)]
        if cursor.doubtful and number == start:
            where.append(tuple_(ITEMS.c.probability, ITEMS.c.item_id) > tuple_(*cursor.doubtful[1:]))
        query = _items(filters, where).order_by(ITEMS.c.probability, ITEMS.c.item_id).limit(limit - len(found))
        rows = connection.execute(query).mappings()
        found += [([number, row["probability"], row["item_id"]], row) for row in rows]
        if len(found) == limit:
            break
    return found


def _drawn(
    connection: Connection, filters: Filter, where: Sequence[ColumnElement[bool]], cursor: _Cursor, limit: int
) -> Stream:
    """Items by their random numbers."""
    if cursor.drawn:
        where = [*where, tuple_(ITEMS.c.draw, ITEMS.c.item_id) > tuple_(*cursor.drawn)]
    query = select(ITEMS).where(ITEMS.c.review_id.is_(None), *filters.conditions(by_draw=True), *where)
    query = query.order_by(_draw(filters), ITEMS.c.item_id).limit(limit)
    return [([row["draw"], row["item_id"]], row) for row in connection.execute(query).mappings()]


def _draw(filters: Filter) -> ColumnElement[Any]:
    """The random number; of a product's items in a form that its index does not have: the product's reads less."""
    return ITEMS.c.draw + 0 if filters.product else ITEMS.c.draw


def _items(filters: Filter, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(ITEMS).where(ITEMS.c.review_id.is_(None), *filters.conditions(), *where)


def with_files(
    connection: Connection, rows: Sequence[RowMapping], filters: Filter = EVERYTHING
) -> tuple[ReviewItem, ...]:
    """Rows of the table of items, each with the file that showed it last."""
    items = []
    for row, places in zip(rows, find_places(connection, rows), strict=True):
        wanted = (place for place in places if filters.source in (None, place[0]))
        items.append(_review_item(row, *next(wanted, ("", ""))))
    return tuple(items)


def find_places(connection: Connection, rows: Sequence[RowMapping]) -> list[list[tuple[str, str]]]:
    """For each row of the table of items, source and name of the files that show it.

    Those of the last run come first: after a move or under a new name, older ones are gone.
    """
    query = (
        select(FILES.c.item_id, SOURCES.c.name, FILES.c.file)
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .join(ITEMS, HAS_TAG)
        .where(FILES.c.item_id.in_([one["item_id"] for one in rows]), FILES.c.error_code.is_(None))
        .order_by(FILES.c.run_id.desc(), FILES.c.position)
    )
    places: dict[str, list[tuple[str, str]]] = {one["item_id"]: [] for one in rows}
    for item_id, source, file in connection.execute(query):  # of all sources: for one, SQLite would read all files
        places[item_id].append((source, file))
    return [places[one["item_id"]] for one in rows]


def _review_item(row: RowMapping, source: str, file: str) -> ReviewItem:
    return ReviewItem(
        item_id=row["item_id"],
        revision=row["revision"],
        file=file,
        source=source,
        product=row["product"],
        class_name=row["class"],
        probability=row["probability"],
        top=tuple((name, probability) for name, probability in row["top"]),
        decision=row["decision"],
        reason=row["reason"],
        color=row["color"],
        reviewed_by=row["reviewed_by"],
        reviewed_at=row["reviewed_at"],
        reviewed_class=row["reviewed_class"],
    )


def count_waiting(store: Store, filters: Filter = EVERYTHING) -> int:
    """The number of items that :func:`queue` has in the order "doubtful", with the usual share of accepted tags."""

    def work(connection: Connection) -> int:
        filters.check(connection)
        conditions = (ITEMS.c.review_id.is_(None), *filters.conditions())
        query = select(func.count()).select_from(ITEMS).where(*conditions)
        if filters.decision:
            return connection.scalar(query.where(decision_is(filters.decision))) or 0
        doubtful = or_(*map(decision_is, DOUBTFUL))
        drawn = and_(decision_is("accept"), ITEMS.c.draw < SHARE_ACCEPTED)
        return sum(connection.scalar(query.where(one)) or 0 for one in (doubtful, drawn))

    return store.read(work)


def count_reviewed(store: Store, filters: Filter = EVERYTHING) -> int:
    """The number of items that match and that a person has reviewed."""

    def work(connection: Connection) -> int:
        filters.check(connection)
        where = [ITEMS.c.review_id.is_not(None), *filters.conditions()]
        where += [decision_is(filters.decision)] if filters.decision else []
        return connection.scalar(select(func.count()).select_from(ITEMS).where(*where)) or 0

    return store.read(work)
