from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from clothier.catalogue.store.schema import METADATA

if TYPE_CHECKING:
    from clothier.catalogue.store import Store


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    def work(connection: object) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), METADATA)

    assert store.read(work) == []
