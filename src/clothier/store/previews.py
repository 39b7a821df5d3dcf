"""Previews: small JPEGs of photos that were uploaded, for pages. The uploads themselves are not kept.

A preview belongs to a content, as the output of a model does: a photo that is uploaded twice has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from clothier.store.schema import ITEMS, PREVIEWS
from clothier.store.statements import upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from clothier.store import Store


def find_preview(store: Store, digest: str) -> bytes | None:
    """The preview of a photo with this content; None if there is none."""
    query = select(PREVIEWS.c.content).where(PREVIEWS.c.digest == digest)
    return store.read(lambda connection: connection.scalar(query))


def has_preview(store: Store, digest: str) -> bool:
    """Whether there is one."""
    query = select(PREVIEWS.c.digest).where(PREVIEWS.c.digest == digest)
    return store.read(lambda connection: connection.scalar(query)) is not None


def write_previews(connection: Connection, previews: Mapping[str, bytes]) -> None:
    """Keeps previews, by the digest of the photo's content."""
    upsert(connection, PREVIEWS, [{"digest": digest, "content": content} for digest, content in previews.items()])


def drop_unused(connection: Connection, digests: Collection[str]) -> None:
    """Removes the previews of those contents that no item has anymore."""
    if digests:
        used = select(ITEMS.c.digest).where(ITEMS.c.digest.in_(digests))
        connection.execute(delete(PREVIEWS).where(PREVIEWS.c.digest.in_(digests), PREVIEWS.c.digest.not_in(used)))
