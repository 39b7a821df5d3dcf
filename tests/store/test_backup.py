"""The backups that docs/tag-your-photos.md tells users to make, and their restoring."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

from clothier.catalogue.review import accept, statistics
from clothier.store import open_store
from tests.stored_items import fill_store, item, item_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgresql import Server


def fill(store: str | Path) -> None:
    with open_store(store) as opened:
        fill_store(opened, *(item_row(f"i{number}", decision="review") for number in range(20)))
        accept(opened, {"i3": 0}, "anna")


def check(store: str | Path) -> None:
    with open_store(store) as opened:
        found = statistics(opened)
        assert (found.n_items, found.n_reviewed, item(opened, "i3")["reviewed_by"]) == (20, 1, "anna")
        assert opened.history("i3")[-1]["actor"] == "person anna"
        assert accept(opened, {"i4": 0}, "bob").n == 1, "it can be used"


def test_a_copy_of_a_sqlite_store_that_is_in_use(tmp_path: Path) -> None:
    fill(tmp_path / "tags.db")
    with open_store(tmp_path / "tags.db") as used:
        used.begin_run("/photos", "ab", "photo")
        with (
            closing(sqlite3.connect(tmp_path / "tags.db")) as source,
            closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
        ):
            source.backup(copy)  # what `.backup` of the program sqlite3 does
    (tmp_path / "tags.db").unlink()
    check(tmp_path / "copy.db")


def test_a_dump_of_postgresql(postgresql_server: Server, new_database: Callable[[], str], tmp_path: Path) -> None:
    old, new = new_database(), new_database()
    fill(old)
    programs = (postgresql_server.programs / "initdb").resolve().parent
    dump = subprocess.run([programs / "pg_dump", "--format", "custom", old], check=True, capture_output=True).stdout
    (tmp_path / "tags.dump").write_bytes(dump)
    subprocess.run([programs / "pg_restore", "--dbname", new, tmp_path / "tags.dump"], check=True)
    check(new)
