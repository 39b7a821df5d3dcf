"""Connections to a store: SQLite in WAL mode, or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from clothier.atomic import STDOUT
from clothier.errors import DataError, StorageError, UsageError
from clothier.paths import local_path
from clothier.store.checked import parse_json
from clothier.system import available_cores

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

SQLITE, POSTGRESQL, PSYCOPG = "sqlite", "postgresql", "postgresql+psycopg"
SQLITE_SIGNATURE = b"SQLite format 3\0"
BUSY_SECONDS = 30  # a writer waits this long for another
CONNECT_SECONDS = 10
GONE_STATES = ("08", "57P")  # PostgreSQL: connection exception, server shutting down or starting
DEADLOCK = "40P01"  # PostgreSQL ended this transaction of two that waited for each other
UNIQUE = "23505"  # another process has inserted meanwhile what this transaction did not find
DAMAGE = ("not a database", "malformed", "no such table", "no such column", "Could not decode to UTF-8")
PRAGMAS = (
    *("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"),
    "cache_size = -32000",  # KiB: with SQLite's 2 MB, thousands of reviews at once take a tenth to a fifth longer
    *("trusted_schema = OFF", "cell_size_check = ON"),  # SQLite's advice for files from somebody else
)


def parse_url(store: str | Path) -> URL:
    """The URL of a store: a path is a SQLite file.

    Raises:
        UsageError: not a URL, another database than SQLite or PostgreSQL, or SQLite without a file.
    """
    text = str(store)
    try:
        url = make_url(text) if "://" in text else URL.create(SQLITE, database=text)
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"the store is not a path or a URL: {error}. {_accepted()}") from error
    if url.drivername == POSTGRESQL:
        url = url.set(drivername=PSYCOPG)  # SQLAlchemy 2.0 would take another driver
    if url.drivername not in (SQLITE, PSYCOPG):
        raise UsageError(f"a store cannot be in {url.drivername}. {_accepted()}")
    if url.drivername == SQLITE and url.database in (None, "", ":memory:", STDOUT):
        raise UsageError(f"the store {text!r} names no file. {_accepted()}")
    return url


def shown(url: URL) -> str:
    """A store's URL for messages: its file, or the URL without a password."""
    is_file = url.get_backend_name() == SQLITE
    return (url.database or "") if is_file else url.set(drivername=POSTGRESQL).render_as_string()


def _accepted() -> str:
    return "Give a file for SQLite, such as tags.db, or a URL such as postgresql://user@host/database."


def is_store(name: str | Path) -> bool:
    """Whether ``name`` is a URL, or a SQLite file by its first bytes.

    Raises:
        UsageError: an empty or impossible path.
    """
    if "://" in str(name):
        return True
    try:
        with local_path(name).open("rb") as file:
            return file.read(len(SQLITE_SIGNATURE)) == SQLITE_SIGNATURE
    except OSError:
        return False


def make_engine(url: URL, busy_seconds: float = BUSY_SECONDS, *, create: bool = True) -> Engine:
    """An engine whose transactions begin at once, on SQLite with the right to write.

    Args:
        url: of the database.
        busy_seconds: that a writer of SQLite waits for another.
        create: make a SQLite file that is not there; a connection never does, so a file that is removed stays away.

    Raises:
        StorageError: a SQLite file or its folder cannot be created.
    """
    if url.get_backend_name() == POSTGRESQL:
        options = {"connect_timeout": CONNECT_SECONDS}
        more = {"pool_pre_ping": True, "connect_args": options}
        return create_engine(url, max_overflow=available_cores(), json_deserializer=parse_json, **more)
    path = Path(url.database or "")
    if create and not path.exists():
        _create(path)
    existing = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    connect = partial(sqlite3.connect, existing, uri=True, timeout=busy_seconds, check_same_thread=False)
    engine = create_engine(url, creator=connect, max_overflow=available_cores(), json_deserializer=parse_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise StorageError(f"cannot create {path}: {error.strerror}. Choose another place.") from error


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Python's own handling of transactions, which would leave DDL outside of them, is switched off."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A reader does not wait for writers; a writer that began as a reader could fail half way."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def is_temporary(error: DBAPIError) -> bool:
    """Whether the transaction can be tried again: the server went away and may come back, or preferred another one."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")
    if state == UNIQUE:
        return True
    is_operational = type(error.orig).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError"
    return is_operational and (state is None or state.startswith((*GONE_STATES, DEADLOCK)))


def explain(error: DBAPIError, name: str) -> DataError | StorageError:
    """What a failed statement means to the user."""
    reason = " ".join(str(error.orig).split()).rstrip(".")
    if any(words in reason for words in DAMAGE):
        return damaged(name, reason)
    if "locked" in reason:
        return StorageError(f"the store {name} is locked by another process. Wait for it to end, then try again.")
    return StorageError(
        f"the store {name} cannot be used: {reason}. What it holds is intact; run the same command again to continue."
    )


def damaged(name: str, reason: str) -> DataError:
    """The error for a file that is not a store."""
    return DataError(f"{name} is not a store, or is damaged: {reason}. Restore a backup, or name another file.")
