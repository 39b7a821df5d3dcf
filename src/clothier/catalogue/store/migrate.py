"""Brings the tables of a store up to date, in one transaction: a killed migration leaves the store as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from clothier.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"


def migrate(connection: Connection, name: str) -> None:
    """Creates the tables, or applies the migrations that are missing.

    Args:
        connection: in a transaction that keeps other writers out.
        name: of the store, for messages.

    Raises:
        DataError: the store is newer than this Clothier, or the database belongs to another program.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    newest, known = scripts.get_current_head(), {one.revision for one in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
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
