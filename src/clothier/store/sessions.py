"""Sessions of people who signed in to the page with a key. As of keys, the store has only digests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from clothier.store.api_keys import ApiKey
from clothier.store.schema import API_KEYS, SESSIONS
from clothier.store.statements import now

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from clothier.store import Store

LIFETIME = timedelta(hours=12)  # a working day; then the key is asked for again


def create_session(store: Store, secret: str, key: ApiKey) -> None:
    """Signs in with a key: ``secret``, which is random, stands for it until it expires."""
    expires_at = (datetime.now(UTC) + LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"digest": _digest(secret), "key_name": key.name, "expires_at": expires_at}

    def work(connection: Connection) -> None:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < now()))
        connection.execute(SESSIONS.insert().values(row))

    store.write(work)


def find_session(store: Store, secret: str) -> ApiKey | None:
    """The key that signed in; None if there is no such session, or it expired, or the key was revoked."""
    query = (
        select(API_KEYS.c.name, API_KEYS.c.scope, API_KEYS.c.created_at)
        .join(SESSIONS, SESSIONS.c.key_name == API_KEYS.c.name)
        .where(SESSIONS.c.digest == _digest(secret), SESSIONS.c.expires_at >= now(), API_KEYS.c.revoked_at.is_(None))
    )
    row = store.read(lambda connection: connection.execute(query).first())
    return ApiKey(*row) if row else None


def end_session(store: Store, secret: str) -> None:
    """Signs out."""
    store.write(lambda connection: connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == _digest(secret))))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
