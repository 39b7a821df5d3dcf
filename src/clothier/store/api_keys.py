"""Keys of the HTTP API. The store has only their digests, so that a stolen store opens nothing."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from clothier.errors import UnknownNameError, UsageError
from clothier.store.schema import API_KEYS
from clothier.store.statements import now
from clothier.types import SCOPES
from clothier.untrusted import MAX_NAME

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from clothier.store import Store

LOCAL = "local"  # the name of who needs no key; such a person may review under any name
PREFIX = "clothier_"  # by which programs that look for leaked secrets can find them
KEY_BYTES = 32  # random: too many to try, so a fast digest suffices


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without the secret.

    Attributes:
        name: of who has it.
        scope: one of :data:`clothier.types.SCOPES`; each includes those before it.
        created_at: UTC.
        revoked_at: since when it is not accepted anymore; None if it is.
    """

    name: str
    scope: str
    created_at: str
    revoked_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def create_key(store: Store, name: str, scope: str) -> str:
    """Makes a key; this is the only time that it can be seen.

    Raises:
        UsageError: no name, one that is in use, or an unknown scope.
    """
    if scope not in SCOPES:
        raise UnknownNameError(scope, "scope", SCOPES)
    if not (0 < len(name) <= MAX_NAME and name.strip() == name and name.isprintable()):
        raise UsageError(f"{name!r} is not a name of a key. Give 1 to {MAX_NAME} printable characters.")
    if name == LOCAL:
        raise UsageError(f"{name!r} stands for everybody on a server without keys. Give another name.")
    secret = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    row = {"name": name, "digest": _digest(secret), "scope": scope, "created_at": now()}

    def work(connection: Connection) -> None:
        if connection.execute(select(API_KEYS.c.name).where(API_KEYS.c.name == name)).first():
            raise UsageError(f"there is a key {name!r} already. Choose another name, so that logs tell them apart.")
        connection.execute(API_KEYS.insert().values(row))

    store.write(work)
    return secret


def find_key(store: Store, secret: str) -> ApiKey | None:
    """The key with this secret, unless it is unknown or revoked."""
    query = select(*_COLUMNS).where(API_KEYS.c.digest == _digest(secret), API_KEYS.c.revoked_at.is_(None))
    row = store.read(lambda connection: connection.execute(query).first())
    return ApiKey(*row) if row else None


def list_keys(store: Store) -> list[ApiKey]:
    """All keys, by name."""
    query = select(*_COLUMNS).order_by(API_KEYS.c.name)
    return [ApiKey(*row) for row in store.read(lambda connection: connection.execute(query).all())]


def revoke_key(store: Store, name: str) -> ApiKey:
    """Revokes a key. Servers accept it for some seconds more.

    Raises:
        UnknownNameError: there is no such key.
    """
    change = update(API_KEYS).where(API_KEYS.c.name == name, API_KEYS.c.revoked_at.is_(None)).values(revoked_at=now())
    store.write(lambda connection: connection.execute(change))
    keys = {one.name: one for one in list_keys(store)}
    if name not in keys:
        raise UnknownNameError(name, "key", keys)
    return keys[name]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


_COLUMNS = (API_KEYS.c.name, API_KEYS.c.scope, API_KEYS.c.created_at, API_KEYS.c.revoked_at)
