"""The rows that an action of a reviewer reads and writes, in the caller's transaction.

The number of statements does not grow with the number of items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, update

from clothier.catalogue.tags import AUDITED
from clothier.store.schema import ACTIONS, AUDIT, ITEMS, REVIEWS, UNSEEN_DRAW
from clothier.store.statements import now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, RowMapping, Select

    from clothier.store.store import Row

UNDO = "undo"
IDS = 1_000  # that a statement names
MODEL_CLASS = "\0"  # in a request: the class that the model gave; no class has this name
UNSEEN_CLASS = "\0\0"  # the same, without having looked at the photo
LOCKED = ("item_id", "digest", "draw", "revision", "review_id", *AUDITED)

Request = tuple[str, int | None, str | None]  # an item, the revision that was seen, and the class


def lock_items(connection: Connection, item_ids: Sequence[str]) -> dict[str, RowMapping]:
    """The items by id, locked until the transaction ends; always in the same order, so that none waits for ever."""
    ids, found = sorted(item_ids), {}
    columns = [ITEMS.c[name] for name in LOCKED]
    for start in range(0, len(ids), IDS):
        query = select(*columns).where(ITEMS.c.item_id.in_(ids[start : start + IDS])).order_by(ITEMS.c.item_id)
        for row in connection.execute(query.with_for_update()).mappings():
            found[row["item_id"]] = row
    return found


def write_reviews(
    connection: Connection,
    kind: str,
    reviewer: str,
    key: str,
    requests: Sequence[Request],
    items: Mapping[str, RowMapping],
) -> int:
    """Writes an action, its reviews, the items and the history."""
    action = insert_action(connection, kind, reviewer, key)
    rows = [_review_row(action, items[item_id], class_name) for item_id, _, class_name in requests]
    connection.execute(REVIEWS.insert(), rows)
    connection.execute(
        update(ITEMS)
        .where(REVIEWS.c.action_id == action, REVIEWS.c.item_id == ITEMS.c.item_id)
        .values(
            {
                "review_id": REVIEWS.c.review_id,
                "reviewed_class": REVIEWS.c["class"],
                "reviewed_by": reviewer,
                "reviewed_at": select(ACTIONS.c.at).where(ACTIONS.c.action_id == action).scalar_subquery(),
                "revision": ITEMS.c.revision + 1,
            }
        )
    )
    before = [items[item_id] for item_id, _, _ in requests]
    after = [{"reviewed_class": one["class"], "reviewed_by": reviewer} for one in rows]
    write_audit(connection, f"person {reviewer}", before, after)
    return action


def insert_action(connection: Connection, kind: str, reviewer: str, key: str, undoes: int | None = None) -> int:
    """Its number; ``undoes`` is that of the action which an undo takes back."""
    values = {"key": key, "reviewer": reviewer, "kind": kind, "at": now(), "undoes": undoes}
    inserted = connection.execute(ACTIONS.insert().values(values)).inserted_primary_key
    return int(inserted[0]) if inserted else 0


def _review_row(action: int, item: RowMapping, class_name: str | None) -> Row:
    return {
        "action_id": action,
        "item_id": item["item_id"],
        "digest": item["digest"],
        "class": item["class"] if class_name in (MODEL_CLASS, UNSEEN_CLASS) else class_name,
        "model_class": item["class"],
        "probability": item["probability"],
        "decision": item["decision"],
        "model": item["model"],
        "thresholds": item["thresholds"],
        "draw": UNSEEN_DRAW if class_name == UNSEEN_CLASS else item["draw"],
        "previous_id": item["review_id"],
    }


def write_audit(
    connection: Connection, actor: str, items: Sequence[RowMapping], changes: Sequence[Mapping[str, Any]]
) -> None:
    """Adds the ``changes`` of the items, one each, to the history."""
    at, rows = now(), []
    for item, change in zip(items, changes, strict=True):
        before = {name: item[name] for name in AUDITED}
        after = before | dict(change)
        rows.append({"item_id": item["item_id"], "at": at, "actor": actor, "before": before, "after": after})
    if rows:
        connection.execute(AUDIT.insert(), rows)


def last_action(connection: Connection, reviewer: str) -> int | None:
    """The last action of a reviewer that was not taken back."""
    later = ACTIONS.alias("later")
    query = (
        select(ACTIONS.c.action_id)
        .where(ACTIONS.c.reviewer == reviewer, ACTIONS.c.kind != UNDO)
        .where(~exists().where(later.c.undoes == ACTIONS.c.action_id))
        .order_by(ACTIONS.c.action_id.desc())
        .limit(1)
    )
    return connection.scalar(query)


_PREVIOUS = REVIEWS.alias("previous")
_PREVIOUS_ACTION = ACTIONS.alias("previous_action")


def reviews_of(action: int) -> Select[Any]:
    """The items of an action, locked, with the review before it."""
    return (
        select(
            *(ITEMS.c[name] for name in LOCKED if name != "review_id"),
            ITEMS.c.review_id.label("current_id"),
            REVIEWS.c.review_id,
            REVIEWS.c.previous_id,
            _PREVIOUS.c["class"].label("previous_class"),
            _PREVIOUS_ACTION.c.reviewer.label("previous_reviewer"),
        )
        .select_from(REVIEWS)
        .join(ITEMS, ITEMS.c.item_id == REVIEWS.c.item_id)
        .outerjoin(_PREVIOUS, _PREVIOUS.c.review_id == REVIEWS.c.previous_id)
        .outerjoin(_PREVIOUS_ACTION, _PREVIOUS_ACTION.c.action_id == _PREVIOUS.c.action_id)
        .where(REVIEWS.c.action_id == action)
        .order_by(ITEMS.c.item_id)
        .with_for_update(of=ITEMS)
    )


def removed_items(action: int) -> Select[Any]:
    """The items of an action that are not in the store any more."""
    is_there = exists().where(ITEMS.c.item_id == REVIEWS.c.item_id)
    query = select(REVIEWS.c.item_id).where(REVIEWS.c.action_id == action, ~is_there)
    return query.order_by(REVIEWS.c.item_id)


def after_undo(item: RowMapping) -> dict[str, Any]:
    """The review that an item of :func:`reviews_of` has when the action is taken back."""
    return {"reviewed_class": item["previous_class"], "reviewed_by": item["previous_reviewer"]}


def restore(connection: Connection, action: int) -> None:
    """Takes an action out of the history of its items; those that have its review get the one before it, or none."""
    own = (REVIEWS.c.action_id == action) & (REVIEWS.c.item_id == ITEMS.c.item_id)
    previous = (
        select(_PREVIOUS.c.review_id)
        .join(REVIEWS, _PREVIOUS.c.review_id == REVIEWS.c.previous_id)
        .join(_PREVIOUS_ACTION, _PREVIOUS_ACTION.c.action_id == _PREVIOUS.c.action_id)
        .where(own)
    )
    connection.execute(
        update(ITEMS)
        .where(ITEMS.c.item_id.in_(_items_of(action)))
        .where(ITEMS.c.review_id == select(REVIEWS.c.review_id).where(own).scalar_subquery())
        .values(
            {
                "review_id": previous.scalar_subquery(),
                "reviewed_class": previous.with_only_columns(_PREVIOUS.c["class"]).scalar_subquery(),
                "reviewed_by": previous.with_only_columns(_PREVIOUS_ACTION.c.reviewer).scalar_subquery(),
                "reviewed_at": previous.with_only_columns(_PREVIOUS_ACTION.c.at).scalar_subquery(),
                "revision": ITEMS.c.revision + 1,
            }
        )
    )
    taken_back = REVIEWS.alias("taken_back")
    before = select(taken_back.c.previous_id).where(taken_back.c.review_id == REVIEWS.c.previous_id).scalar_subquery()
    reviews = select(taken_back.c.review_id).where(taken_back.c.action_id == action)
    later = update(REVIEWS).where(
        REVIEWS.c.item_id.in_(select(taken_back.c.item_id).where(taken_back.c.action_id == action))
    )
    connection.execute(later.where(REVIEWS.c.previous_id.in_(reviews)).values(previous_id=before))


def _items_of(action: int) -> Select[Any]:
    own = REVIEWS.alias("own")
    return select(own.c.item_id).where(own.c.action_id == action)
