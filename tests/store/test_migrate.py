from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from clothier.catalogue.tags import draw
from clothier.store import open_store
from clothier.store.engine import make_engine, parse_url
from clothier.store.migrate import MIGRATIONS
from clothier.store.previews import find_preview
from clothier.store.schema import ITEMS, METADATA

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from clothier.store import Store

FIRST_ROWS = """
INSERT INTO models (model_id, digest, name) VALUES (1, 'ab', 'photo');
INSERT INTO outputs (digest, model_id, computed_by, temperature, logits) VALUES ('d0', 1, 'photo', 1.0, '');
INSERT INTO items (item_id, digest, product, class, probability, top, decision, reason, model, thresholds, rules,
    tagged_at) VALUES ('A1', 'd0', '', 'dress', 0.9, '[]', 'accept', '', 'photo', 't1', 'r1', '2026-11-30T12:00:00Z');
INSERT INTO items (item_id, digest, product, class, probability, top, reason, model, rules, tagged_at)
    VALUES ('A2', 'd1', '', 'hat', 0.4, '[]', '', 'photo', 'r1', '2026-11-30T12:00:00Z');
INSERT INTO audit (item_id, at, actor, after) VALUES ('A1', '2026-11-02T12:00:00Z', 'model photo', '{}')
"""


def upgrade(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    def work(connection: object) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), METADATA)

    assert store.read(work) == []


def test_the_first_version_with_rows_is_brought_up_to_date(store_url: str) -> None:
    engine = make_engine(parse_url(store_url))
    upgrade(engine, "0001")
    with engine.begin() as connection:
        for statement in FIRST_ROWS.split(";"):
            connection.execute(text(statement))
    engine.dispose()
    with open_store(store_url) as store:
        assert find_preview(store, "d0") is None
        items = store.read(lambda c: c.execute(ITEMS.select().order_by(ITEMS.c.item_id)).mappings().all())
    first, second = items
    assert (first["class"], first["probability"], first["thresholds"]) == ("dress", 0.9, "t1")
    assert (first["draw"], second["draw"]) == (draw("A1", "t1"), draw("A2", None))
    assert (first["first_seen_at"], second["first_seen_at"]) == ("2026-11-02T12:00:00Z", "2026-11-30T12:00:00Z")
    assert (first["revision"], first["review_id"], first["color"]) == (0, None, None)


def test_a_migration_that_fails_leaves_the_store_as_it_was(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(parse_url(store_url))
    upgrade(engine, "0001")
    before = inspect(engine).get_columns("items")
    monkeypatch.setattr("hashlib.sha256", None)
    with engine.begin() as connection:
        for statement in FIRST_ROWS.split(";"):
            connection.execute(text(statement))
    with pytest.raises(TypeError):
        open_store(store_url)
    after = inspect(engine)
    assert [one["name"] for one in after.get_columns("items")] == [one["name"] for one in before]
    assert not after.has_table("reviews")
    engine.dispose()


def test_random_numbers_are_uniform_and_fixed() -> None:
    drawn = [draw(f"A{number}", "t1") for number in range(10_000)]
    assert all(0 <= one < 1 for one in drawn)
    for share in (0.01, 0.1, 0.5):
        expected, spread = 10_000 * share, (10_000 * share * (1 - share)) ** 0.5
        assert abs(sum(one < share for one in drawn) - expected) < 4 * spread
    assert draw("A1", "t1") == drawn[1]
    assert draw("A1", "t2") != drawn[1]
