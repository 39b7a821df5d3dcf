"""Items whose photo no file has any more are removed. Their history and reviews stay, for photos that come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select

from clothier.catalogue.review.action_rows import write_audit
from clothier.catalogue.tags import AUDITED
from clothier.store.previews import drop_unused
from clothier.store.schema import HAS_TAG, ITEMS, PREVIEWS, REMOVED_ITEMS
from clothier.store.statements import upsert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

REMOVED = dict.fromkeys(AUDITED)
"""What the history has in place of the tag of an item that was removed."""
KEPT = ("item_id", "revision", "first_seen_at")  # of an item that was removed


def remove_unused(connection: Connection, item_ids: Sequence[str], actor: str) -> Sequence[RowMapping]:
    """Removes those of the items whose photo no file has any more; they are locked against reviewers.

    Args:
        connection: in a transaction.
        item_ids: of the store.
        actor: who the history names.

    Returns:
        What was removed.
    """
    columns = [ITEMS.c[name] for name in (*KEPT, "digest", "review_id", *AUDITED)]
    query = select(*columns).where(ITEMS.c.item_id.in_(item_ids), ~exists().where(HAS_TAG)).order_by(ITEMS.c.item_id)
    found = connection.execute(query.with_for_update()).mappings().all()
    if found:
        connection.execute(delete(ITEMS).where(ITEMS.c.item_id.in_([one["item_id"] for one in found])))
        upsert(connection, REMOVED_ITEMS, [{name: one[name] for name in KEPT} for one in found])
        write_audit(connection, actor, found, [REMOVED] * len(found))
        _remove_previews(connection, [one["digest"] for one in found])
    return found


def _remove_previews(connection: Connection, digests: Sequence[str]) -> None:
    """Only photos of uploads have one; looking for other items with the same content takes long."""
    there = connection.scalars(select(PREVIEWS.c.digest).where(PREVIEWS.c.digest.in_(digests))).all()
    drop_unused(connection, there)
