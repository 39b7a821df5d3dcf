"""Statements that several tables of a store need, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from clothier.store.engine import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Table


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows; those whose primary key is there replace the old ones."""
    if rows:
        statement, keys = _insert(connection, table), [one.name for one in table.primary_key]
        changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == POSTGRESQL else sqlite.insert(table)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_or_insert(connection: Connection, table: Table, key: Mapping[str, str], values: Mapping[str, Any]) -> int:
    """The integer id of the row with this unique ``key``."""
    (identity,) = table.primary_key
    ((name, value),) = key.items()
    found = connection.scalar(select(identity).where(table.c[name] == value))
    if found is None:
        inserted = connection.execute(table.insert().values({**key, **values})).inserted_primary_key
        found = inserted[0] if inserted else 0
    return int(found)
