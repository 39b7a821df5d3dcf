"""Opens a store by the name that a user gives: a file, or the URL of a database."""

from __future__ import annotations

from pathlib import Path

from clothier.errors import DataError
from clothier.store.engine import SQLITE, parse_url, shown
from clothier.store.store import PATIENCE, Store


def open_store(store: str | Path, *, patience: float = PATIENCE) -> Store:
    """Opens a store of tags, or creates it.

    Args:
        store: a file for SQLite, or a URL such as ``postgresql://user@host/database``.
        patience: seconds to wait for a server that went away, or for another writer.

    Raises:
        UsageError: another kind of database.
        DataError: not a store, damaged, or newer than this Clothier.
        StorageError: the database cannot be reached, or the file not be written.
    """
    return Store(parse_url(store), patience=patience)


def store_name(store: str | Path) -> str:
    """The name of a store for messages; a password is hidden.

    Raises:
        UsageError: another kind of database.
    """
    return shown(parse_url(store))


def is_missing(store: str | Path) -> bool:
    """Whether :func:`open_store` would make a file.

    Raises:
        UsageError: another kind of database.
    """
    url = parse_url(store)
    return url.get_backend_name() == SQLITE and not Path(url.database or "").exists()


def open_existing_store(store: str | Path) -> Store:
    """As :func:`open_store`, for what makes no sense with a new store.

    Raises:
        DataError: there is no such file.
    """
    url = parse_url(store)
    if is_missing(store):
        raise DataError(
            f"the store {url.database} does not exist. Name one that `clothier tag` or `clothier serve` has written."
        )
    return Store(url, create=False)
