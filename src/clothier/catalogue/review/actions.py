"""What reviewers do: accept, correct, undo. Each is one transaction with its history, for one item or for thousands.

Two reviewers of one item: a review names the revision of the item that the reviewer saw. If another one came first, the
revision differs, and the second reviewer is told.

Every action has a key and is done once. A caller whose connection was lost after the commit tries again with the same
key, and gets the result of the first try. The same key with anything else is refused.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from clothier.catalogue.review.action_rows import (
    MODEL_CLASS,
    UNDO,
    UNSEEN_CLASS,
    after_undo,
    insert_action,
    last_action,
    lock_items,
    removed_items,
    restore,
    reviews_of,
    write_audit,
    write_reviews,
)
from clothier.catalogue.review.filters import Filter, decision_is
from clothier.catalogue.versions import known_classes
from clothier.errors import UnknownNameError, UsageError
from clothier.store.engine import POSTGRESQL
from clothier.store.schema import ACTIONS, ITEMS, REVIEWS
from clothier.types import MAX_ACCEPTED, SHARE_ACCEPTED
from clothier.untrusted import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from clothier.catalogue.review.action_rows import Request
    from clothier.store import Store

ACCEPT, CORRECT = "accept", "correct"
REVIEWER_LOCK = 0xC107  # of PostgreSQL: the actions of one reviewer are done one after the other
MAX_NAME = 200  # characters of a reviewer's name
MAX_KEY = 64  # characters of a caller's key
REMOVED = "was removed from the store. If it is tagged again, it does not get this review back."
HALF = 32  # hexadecimal digits of a digest


class NothingToUndoError(UsageError):
    """A reviewer has no action that was not taken back yet."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a person says about an item.

    Attributes:
        item_id: of the store.
        class_name: the right class; None for none of the classes.
        revision: of the item as the person saw it; None to review it whatever others did.
    """

    item_id: str
    class_name: str | None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An item that was not reviewed, and why."""

    item_id: str
    message: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action did.

    Attributes:
        action_id: its number; None if there was nothing to do.
        kind: accept, correct or undo.
        reviewer: who did it.
        item_ids: the items that were changed.
        conflicts: the items that were not.
        n_left: accepted tags that match and were left for the queue: they are the random sample that the guarantee is
            checked on. Always 0 except for :func:`accept_all`.
    """

    action_id: int | None
    kind: str
    reviewer: str
    item_ids: tuple[str, ...]
    conflicts: tuple[Conflict, ...] = ()
    n_left: int = 0

    @property
    def n(self) -> int:
        """The number of items that were changed."""
        return len(self.item_ids)

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**asdict(self), "n": self.n}


def accept(store: Store, seen: Mapping[str, int | None], reviewer: str, *, key: str | None = None) -> ActionResult:
    """Says that the model's class is right.

    Args:
        store: of the catalogue.
        seen: the items, each with the revision that the reviewer saw; None to review it whatever others did.
        reviewer: the person's name.
        key: of the action; None for a new one.

    Raises:
        UsageError: no name, or a name or key that is too long.
        StorageError: the store cannot be written. Nothing was changed.
    """
    requests = [(item_id, revision, MODEL_CLASS) for item_id, revision in seen.items()]
    return _act(store, _Action.of(ACCEPT, reviewer, key, requests), lambda _: requests)


def correct(
    store: Store, seen: Mapping[str, int | None], class_name: str | None, reviewer: str, *, key: str | None = None
) -> ActionResult:
    """Says that ``class_name`` is the right class of these items; None for none of the classes. As :func:`accept`.

    Raises:
        UnknownNameError: no such class.
    """
    judgments = [Judgment(item_id, class_name, revision) for item_id, revision in seen.items()]
    return review(store, judgments, reviewer, key=key)


def review(store: Store, judgments: Sequence[Judgment], reviewer: str, *, key: str | None = None) -> ActionResult:
    """Records judgments that may differ from item to item, as one action. As :func:`correct`.

    Raises:
        UnknownNameError: no such class.
        UsageError: an item is there twice.
    """
    ids = [one.item_id for one in judgments]
    if twice := repeated(ids):
        raise UsageError(f"the item {twice[0]!r} is there twice. Give one class for each item.")

    requests = [(one.item_id, one.revision, one.class_name) for one in judgments]

    def judge(connection: Connection) -> list[Request]:
        classes = known_classes(connection)
        for one in judgments:
            if one.class_name is not None and one.class_name not in classes:
                raise UnknownNameError(one.class_name, "class", classes)
        return requests

    return _act(store, _Action.of(CORRECT, reviewer, key, requests), judge)


def accept_all(
    store: Store, filters: Filter, reviewer: str, *, limit: int = MAX_ACCEPTED, key: str | None = None
) -> ActionResult:
    """Says that the model's class is right for all items that match and that nobody has reviewed yet.

    Nobody has looked at them, so they are no evidence that the guarantee holds. Of the accepted tags, the random sample
    (:data:`~clothier.types.SHARE_ACCEPTED`) is left for the queue, and counted.

    Args:
        store: of the catalogue.
        filters: which items; a decision is needed, so that doubtful and accepted ones are not mixed up.
        reviewer: the person's name.
        limit: at most so many items, 1 to 10,000, those with the highest probability.
        key: of the action; None for a new one.

    Raises:
        UsageError: no decision, an impossible limit, or as :func:`accept`.
        UnknownNameError: an unknown decision or source.
    """
    if filters.decision is None:
        raise UsageError("accepting all items needs a decision. Give accept, review, reject or uncalibrated.")
    if not 1 <= limit <= MAX_ACCEPTED:
        raise UsageError(f"1 to {MAX_ACCEPTED:,} items can be accepted at once, not {limit}.")

    def judge(connection: Connection) -> list[Request]:
        filters.check(connection)
        query = select(ITEMS.c.item_id, ITEMS.c.revision).where(*_waiting(filters)).limit(limit)
        if filters.decision == "accept":
            query = query.where(ITEMS.c.draw + 0 >= SHARE_ACCEPTED)  # not by the index of draws, which would sort all
        query = query.order_by(ITEMS.c.probability.desc(), ITEMS.c.item_id.desc())
        return [(item_id, revision, UNSEEN_CLASS) for item_id, revision in connection.execute(query)]

    result = _act(store, _Action.of(ACCEPT, reviewer, key, (filters, limit)), judge)
    n_left = store.read(partial(_count_sample, filters)) if filters.decision == "accept" else 0
    return replace(result, n_left=n_left)


def _waiting(filters: Filter) -> tuple[ColumnElement[bool], ...]:
    """The conditions for the items that match and that nobody has reviewed yet."""
    return (ITEMS.c.review_id.is_(None), decision_is(filters.decision), *filters.conditions())


def _count_sample(filters: Filter, connection: Connection) -> int:
    query = select(func.count()).select_from(ITEMS).where(*_waiting(filters), ITEMS.c.draw < SHARE_ACCEPTED)
    return connection.scalar(query) or 0


def undo(store: Store, reviewer: str, *, key: str | None = None) -> ActionResult:
    """Takes back the whole last action of a reviewer that was not taken back yet.

    Items that were reviewed again since, or whose photo changed, are left as they are and named as conflicts, and so
    are those that were removed with their source.

    Raises:
        NothingToUndoError: there is nothing to take back.
        UsageError: as :func:`accept`.
        StorageError: the store cannot be written. Nothing was changed.
    """
    undoing = _Action.of(UNDO, reviewer, key, ())
    name = undoing.reviewer

    def work(connection: Connection) -> ActionResult:
        if done := _done_before(connection, undoing):
            return done
        last = last_action(connection, name)
        if last is None:
            raise NothingToUndoError(f"{name} has no review to take back.")
        rows = connection.execute(reviews_of(last)).mappings().all()
        current = [one for one in rows if one["review_id"] == one["current_id"]]
        action = insert_action(connection, UNDO, name, undoing.key, last)
        restore(connection, last)
        write_audit(connection, f"person {name}", current, [after_undo(one) for one in current])
        changed = {one["item_id"] for one in current}
        message = "was reviewed again, or its photo changed. It was left as it is."
        left = [
            Conflict(one["item_id"], f"{one['item_id']} {message}") for one in rows if one["item_id"] not in changed
        ]
        left += [Conflict(one, f"{one} {REMOVED}") for one in connection.scalars(removed_items(last))]
        return ActionResult(action, UNDO, name, tuple(one["item_id"] for one in current), tuple(left))

    return store.write(work)


@dataclass(frozen=True, slots=True)
class _Action:
    """An action that is asked for.

    Attributes:
        kind: accept, correct or undo.
        reviewer: who does it.
        key: as the store keeps it: half a digest of the caller's key, and half a digest of all else.
    """

    kind: str
    reviewer: str
    key: str

    @classmethod
    def of(cls, kind: str, reviewer: str, key: str | None, content: object) -> _Action:
        """Checks the names; ``content`` is what is asked for."""
        name, key = _check_names(reviewer, key)
        halves = (hashlib.sha256(one.encode()).hexdigest()[:HALF] for one in (key, repr((kind, name, content))))
        return cls(kind, name, "".join(halves))


def _act(store: Store, action: _Action, judge: Callable[[Connection], Sequence[Request]]) -> ActionResult:
    """Reviews what ``judge`` requests, in one transaction."""
    kind, name = action.kind, action.reviewer

    def work(connection: Connection) -> ActionResult:
        if done := _done_before(connection, action):
            return done
        requests = judge(connection)
        items = lock_items(connection, [item_id for item_id, _, _ in requests])
        conflicts = [one for request in requests if (one := _conflict(request, items.get(request[0])))]
        refused = {one.item_id for one in conflicts}
        accepted = [request for request in requests if request[0] not in refused]
        number = write_reviews(connection, kind, name, action.key, accepted, items) if accepted else None
        return ActionResult(number, kind, name, tuple(one[0] for one in accepted), tuple(conflicts))

    return store.write(work)


def check_reviewer(reviewer: str) -> str:
    """The name of a reviewer, without spaces around it.

    Raises:
        UsageError: it is empty, too long or not printable.
    """
    name = reviewer.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(f"the reviewer's name is {reviewer!r}; give 1 to {MAX_NAME} printable characters.")
    return name


def _check_names(reviewer: str, key: str | None) -> tuple[str, str]:
    name = check_reviewer(reviewer)
    if key is not None and not 1 <= len(key) <= MAX_KEY:
        raise UsageError(f"the key of an action has {len(key)} characters; it must have 1 to {MAX_KEY}.")
    return name, key or uuid.uuid4().hex


def _done_before(connection: Connection, wanted: _Action) -> ActionResult | None:
    """The result of the action with this key, if it was done.

    From here on the reviewer's actions wait for each other: otherwise one key could be done twice at the same time.
    """
    reviewer, own = wanted.reviewer, wanted.key[:HALF]
    if connection.dialect.name == POSTGRESQL:
        connection.execute(select(func.pg_advisory_xact_lock(REVIEWER_LOCK, func.hashtext(reviewer))))
    has_key = (ACTIONS.c.key >= own) & (ACTIONS.c.key < f"{own}g")  # behind all hexadecimal digits; uses the index
    action = connection.execute(select(ACTIONS).where(has_key)).mappings().first()
    if action is None:
        return None
    if action["key"] != wanted.key:
        raise UsageError("the key belongs to another action. Give each action a key of its own.")
    reviews = select(REVIEWS.c.item_id).where(REVIEWS.c.action_id == (action["undoes"] or action["action_id"]))
    return ActionResult(action["action_id"], wanted.kind, reviewer, tuple(connection.scalars(reviews)))


def _conflict(request: Request, item: RowMapping | None) -> Conflict | None:
    item_id, revision, _ = request
    if item is None:
        return Conflict(item_id, f"{item_id} is not in the store.")
    if revision is None or revision == item["revision"]:
        return None
    if item["review_id"] is None:
        return Conflict(item_id, f"{item_id} was changed meanwhile: {item['class']}. Look at it again.")
    label = item["reviewed_class"] or "none of the classes"
    return Conflict(item_id, f"{item['reviewed_by']} has reviewed {item_id} meanwhile: {label}.")
