# ruff: noqa: S608 - the names in the SQL are those of the schema
"""Damaged and hostile stores: each is read and reviewed, or is refused with exit code 4, in bounded time and memory.

Changed and cut SQLite files, values of other types, sizes and encodings, other tables, views and triggers, other kinds
of files. ``make soak`` tries 240.
"""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clothier.catalogue.catalogue_store import open_store as open_catalogue
from clothier.catalogue.exports.tags import StoreTags
from clothier.catalogue.index import update_index
from clothier.errors import ClothierError, DataError, ModelError, StorageError
from clothier.store import open_existing_store, open_store
from clothier.store.schema import EMBEDDING, METADATA, OUTPUTS
from clothier.store.statements import upsert
from clothier.store.store import RunId
from tests.soak.attempts import Soak, change_bytes, main, replace_file
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from clothier.inference import Model
    from tests.soak.attempts import Random

N = 12  # items
WIDTH = 160  # of an embedding with its colors
REVIEWER = "anna"
DEEP = "[" * 100_000
COLOR = {"name": "red", "hex": "#ff0000", "share": 0.8}
VALUES: tuple[Any, ...] = (
    *(None, "", "a", "nan", "\x1b[2J", "x" * 10**6, -1, 0, 2**62, 1e308, float("inf"), -0.5, b"", b"\0\xff" * 40),
    *("[", "{}", "[]", "null", "1", '"a"', DEEP, "{" + '"a":{' * 2000, '{"a": NaN}', '{"a": 1e999}', "[[1, 2]]"),
)
TABLES = tuple(METADATA.tables)
SCHEMAS: tuple[str, ...] = (
    "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM reviews; END",
    "CREATE TRIGGER t AFTER UPDATE ON items BEGIN UPDATE items SET class = 'hat'; END",
    "CREATE TABLE mine (a)",
    "CREATE VIEW v AS SELECT * FROM items",
    "ALTER TABLE items RENAME TO others; CREATE VIEW items AS SELECT * FROM others",
    "ALTER TABLE items RENAME TO others; CREATE VIEW items AS SELECT others.* FROM others, others a, others b",
    "ALTER TABLE items DROP COLUMN top",
    "ALTER TABLE items RENAME COLUMN class TO label",
    "DROP TABLE items; CREATE TABLE items (item_id, digest)",
    "UPDATE alembic_version SET version_num = '9999'",
    "UPDATE alembic_version SET version_num = '0001'",
    "DELETE FROM alembic_version",
    "INSERT INTO alembic_version VALUES ('0001')",
    "DROP TABLE alembic_version",
    *(f"DROP TABLE {name}" for name in TABLES),
)


@dataclass(frozen=True)
class _Model:
    """What an index asks of a model."""

    name: str = "shop"
    digest: str = "ab"
    fallback_name: None = None


@cache
def _content() -> bytes:
    """A store of some tags, one of them reviewed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tags.db")
        rows = [item_row(f"i{at}", digest=f"{at:064x}", product=f"p{at % 3}", color="red") for at in range(N)]
        with open_store(path) as store:
            fill_store(store, *rows)
            embedding = np.random.default_rng(0).random(WIDTH).astype(EMBEDDING)
            values = {"computed_by": "shop", "temperature": 1.0, "logits": b"\0" * 12, "model_id": 1, "notes": None}
            values |= {
                "ood_score": 0.5,
                "shift_features": None,
                "colors": [{"name": "red", "hex": "#ff0000", "share": 0.8}],
            }
            outputs = [
                {"digest": one["digest"], "embedding": np.roll(embedding, at).tobytes(), **values}
                for at, one in enumerate(rows)
            ]
            store.write(lambda connection: upsert(connection, OUTPUTS, outputs))
            store.finish_run(RunId(1, 1, 1))
        with open_catalogue(path) as catalogue:
            catalogue.correct({"i0": None}, "hat", REVIEWER)
        return path.read_bytes()


def _write(path: Path) -> None:
    path.write_bytes(_content())


def _execute(path: Path, script: str, *values: Any) -> str:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        if values:
            connection.execute(script, values)
        else:
            connection.executescript(script)
    except sqlite3.Error as error:
        return f"{script[:60]}: {error}"
    finally:
        connection.close()
    return script[:80]


def _changed_bytes(path: Path, random: Random) -> str:
    change_bytes(path, random)
    return f"{path.stat().st_size} bytes"


def _changed_pages(path: Path, random: Random) -> str:
    """Bytes of pages, not of the first."""
    content = bytearray(path.read_bytes())
    for at in random.integers(4096, len(content), random.integers(1, 200)):
        content[at] = random.integers(256)
    path.write_bytes(content)
    return f"{len(content)} bytes"


def _odd_value(path: Path, random: Random) -> str:
    """A value of another kind in one column, in one row or in all."""
    table = METADATA.tables[str(random.choice(("items", "files", "outputs", "items", "versions", *TABLES)))]
    columns = list(table.c)
    column = columns[random.integers(len(columns))].name
    value = VALUES[random.integers(len(VALUES))]
    first = f"(SELECT min({columns[0].name}) FROM {table.name})" if random.random() < 0.5 else columns[0].name
    script = f'UPDATE {table.name} SET "{column}" = ? WHERE {columns[0].name} = {first}'
    return f"{_execute(path, script, value)} {str(value)[:20]!a}"


def _not_utf8(path: Path, random: Random) -> str:
    table = METADATA.tables[str(random.choice(("items", "files", "versions", "sources")))]
    column = list(table.c)[random.integers(len(table.c))].name
    return _execute(path, f"UPDATE {table.name} SET \"{column}\" = CAST(X'EDA080FF' AS TEXT)")


def _other_schema(path: Path, random: Random) -> str:
    return _execute(path, SCHEMAS[random.integers(len(SCHEMAS))])


def _other_file(path: Path, random: Random) -> str:
    return replace_file(path, random)


def _use(path: Path) -> str:
    """What the commands do with a store: read all, list, review, count, index."""
    with open_existing_store(path) as store:
        n = sum(1 for _ in StoreTags(store))
        with tempfile.TemporaryDirectory() as folder:
            update_index(Path(folder, "index"), store, cast("Model", _Model()), "shop")
    with open_catalogue(path) as catalogue:
        items = catalogue.queue(limit=50).items
        catalogue.statistics().to_json()
        catalogue.drift().to_json()
        catalogue.versions()
        for one in items[:3]:
            catalogue.history(one.item_id)
        if items:
            catalogue.correct({items[0].item_id: None}, "hat", REVIEWER)
            catalogue.undo(REVIEWER)
    return "work" if n <= N else "work with too many rows"


DAMAGES = (
    _odd_value,
    _changed_bytes,
    _odd_value,
    _other_schema,
    _odd_value,
    _changed_pages,
    _not_utf8,
    _other_schema,
    _odd_value,
    _other_file,
)
REFUSALS: tuple[type[ClothierError], ...] = (DataError, ModelError, StorageError)
SOAK = Soak("stores", 240, _write, DAMAGES, _use, ("work",), REFUSALS)

if __name__ == "__main__":
    main(SOAK, __doc__ or "")
