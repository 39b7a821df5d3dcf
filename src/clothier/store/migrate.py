"""Brings the tables of a store up to date, in one transaction: a killed migration leaves the store as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from clothier.errors import DataError
from clothier.store.engine import SQLITE
from clothier.store.schema import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, name: str) -> None:
    """Creates the tables, or applies the migrations that are missing.

    Args:
        connection: in a transaction that keeps other writers out.
        name: of the store, for messages.

    Raises:
        DataError: the store is newer than this Clothier, or the database belongs to another program, or is damaged.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    newest, known = scripts.get_current_head(), {one.revision for one in scripts.walk_revisions()}
    _refuse_programs(connection, name)
    heads = MigrationContext.configure(connection).get_current_heads()
    current = ", ".join(heads) or None
    if current is not None and current not in known:
        raise DataError(
            f"the store {name} has version {current}, but this Clothier knows versions up to {newest}. "
            "Update Clothier, or name another store."
        )
    if current is None and (tables := inspect(connection).get_table_names()):
        raise DataError(
            f"the database {name} is not a store of Clothier: it has the table {min(tables)!r}. "
            "Name a new file or an empty database."
        )
    if current != newest:
        command.upgrade(config, "head")
    _require_columns(connection, name)


def _refuse_programs(connection: Connection, name: str) -> None:
    """Triggers and views of a SQLite file would run with what Clothier does; it makes none."""
    if connection.dialect.name == SQLITE:
        query = text("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if found := connection.execute(query).first():
            raise DataError(
                f"the database {name} is not a store of Clothier: it has the {found[0]} {found[1]!r}. "
                "Name a new file, or restore a backup."
            )


def _require_columns(connection: Connection, name: str) -> None:
    """Checks that a SQLite file has all tables and columns; it may have been edited or damaged."""
    if connection.dialect.name == SQLITE:
        query = text("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'")
        found = {tuple(one) for one in connection.execute(query)}
        wanted = {(table.name, column.name) for table in METADATA.tables.values() for column in table.c}
        if missing := wanted - found:
            raise DataError(f"the store {name} is damaged: it has no {'.'.join(min(missing))}. Restore a backup.")
