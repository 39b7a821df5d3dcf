"""``clothier keys``: who may use the HTTP API of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.store import open_existing_store, open_store
from clothier.store.api_keys import create_key, list_keys, revoke_key

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.store.api_keys import ApiKey


@dataclass(frozen=True, slots=True)
class KeysResult:
    """Keys, and the secret of the one that was made; None if none was."""

    keys: tuple[ApiKey, ...]
    secret: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        shown = {"keys": [one.to_json() for one in self.keys]}
        return {**shown, "secret": self.secret} if self.secret else shown


def manage_keys(store: str | Path, action: str, name: str, scope: str) -> KeysResult:
    """Creates a key, lists all or revokes one: ``action`` is create, list or revoke.

    Raises:
        DataError: there is no store, and no key is made.
        UsageError: a name that is in use, or cannot be one.
        UnknownNameError: there is no such key to revoke.
        StorageError: the store cannot be used.
    """
    with (open_store if action == "create" else open_existing_store)(store) as opened:
        if action == "create":
            secret = create_key(opened, name, scope)
            return KeysResult(tuple(one for one in list_keys(opened) if one.name == name), secret)
        if action == "revoke":
            return KeysResult((revoke_key(opened, name),))
        return KeysResult(tuple(list_keys(opened)))
