from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text, update

from clothier.errors import DataError, StorageError, UsageError
from clothier.store import open_store
from clothier.store import store as store_module
from clothier.store.schema import FILES, OUTPUTS, SOURCES
from clothier.store.statements import upsert

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.store import Store
    from clothier.store.store import RunId
    from tests.postgresql import Server


def file_row(run: RunId, position: int, **changed: Any) -> dict[str, Any]:
    row = dict.fromkeys(("digest", "item_id", "error_code", "error_message"))
    row |= {"source_id": run.source, "run_id": run.run, "key": f"{position}.jpg", "file": f"{position}.jpg"}
    return row | {"signature": "1", "product": "", "columns": {"price": position}, "position": position} | changed


def output_row(run: RunId, digest: str) -> dict[str, Any]:
    values = {"computed_by": "photo", "temperature": 1.0, "logits": b"\0\1", "ood_score": None, "embedding": b"\0\1"}
    return {"digest": digest, "model_id": run.model, "perceptual_hash": b"\0", **values}


def test_a_run_has_numbers_and_a_source_and_a_model_keep_theirs(store: Store) -> None:
    first, second = (store.begin_run("/photos", "ab", "photo") for _ in range(2))
    assert (first.source, first.model) == (second.source, second.model)
    assert first.run != second.run
    assert store.begin_run("/others", "cd", "photo").model != first.model


def test_what_is_known_about_files(store: Store) -> None:
    run = store.begin_run("/photos", "ab", "photo")
    other = store.begin_run("/others", "ab", "photo")
    files = [
        file_row(run, 0, digest="d0"),
        file_row(run, 1, digest="d1"),
        file_row(run, 2, digest="d0", error_code="truncated"),
        file_row(run, 3, digest="d2"),
        file_row(other, 0, digest="d0"),
    ]

    def work(connection: Any) -> None:
        upsert(connection, OUTPUTS, [output_row(run, "d0")] * 2)
        upsert(connection, OUTPUTS, [{**output_row(run, "d2"), "embedding": None}])
        upsert(connection, FILES, files)

    store.write(work)
    store.write(work)
    found = store.known_files(run, ["0.jpg", "1.jpg", "2.jpg", "3.jpg"])
    is_done = {key: one.is_done for key, one in found.items()}
    assert is_done == {"0.jpg": True, "1.jpg": False, "2.jpg": False, "3.jpg": False}
    assert (found["0.jpg"].digest, found["0.jpg"].signature, found["0.jpg"].run_id) == ("d0", "1", run.run)
    assert store.has_output("d0", run.model)
    assert not store.has_output("d1", run.model)
    assert not store.has_output("d2", run.model), "from before embeddings were stored"
    assert (store.has_outputs(run.model), store.has_outputs(run.model + 1)) == (True, False)


def test_rows_come_in_pages_in_the_order_of_the_source(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PAGE", 2)
    old, run = (store.begin_run("/photos", "ab", "photo") for _ in range(2))
    files = [file_row(run, position) for position in (4, 0, 2, 1)] + [file_row(old, 3)]
    store.write(lambda connection: upsert(connection, FILES, files))
    assert [one["position"] for one in store.rows(run)] == [0, 1, 2, 4], "3 vanished since"
    assert next(iter(store.rows(run)))["columns"] == {"price": 0}


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    run = store.begin_run("/photos", "ab", "photo")

    def work(connection: Any) -> None:
        connection.execute(insert(OUTPUTS), output_row(run, "d0"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(work)
    assert not store.has_outputs(run.model)


def test_one_tagger_at_a_time(store: Store, store_url: str) -> None:
    with open_store(store_url) as other:
        with store.locked(), pytest.raises(UsageError, match="another process is writing tags to"), other.locked():
            pass
        with other.locked():
            pass


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    def work(connection: Any) -> Any:
        connection.execute(insert(SOURCES), {"name": "/photos"})
        return store.read(lambda other: other.execute(select(SOURCES)).all())

    assert store.write(work) == [], "and see what was committed before"


def test_a_store_is_opened_by_several_at_once(store_url: str) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            open_store(store_url).close()
        except BaseException as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []


def test_a_newer_store_is_refused(store: Store, store_url: str) -> None:
    store.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DataError, match=r"has version 9999, but this Clothier knows versions up to \d+. Update"):
        open_store(store_url)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.close()
    with pytest.raises(DataError, match=r"shop\.db is not a store of Clothier: it has the table 'orders'"):
        open_store(tmp_path / "shop.db")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "tags.db").write_text("file,label\n" * 100)
    with pytest.raises(DataError, match=r"tags\.db is not a store"):
        open_store(tmp_path / "tags.db")
    assert (tmp_path / "tags.db").read_text().startswith("file,label")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "a store cannot be in mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql+asyncpg://host/db", "cannot be in postgresql.asyncpg"),
        ("postgresql://host:port/db", "not a path or a URL"),
        ("", "names no file"),
        ("-", "names no file"),
    ],
)
def test_urls_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_store(url)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot create"):
        open_store(tmp_path / "file/tags.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder cannot be used: unable to open"):
        open_store(tmp_path / "folder")


def test_a_path_may_have_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / "a?b=c%20 #é.db"
    open_store(path).close()
    assert path.is_file()


def test_a_server_that_is_not_there_and_no_password_in_the_message() -> None:
    with pytest.raises(StorageError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/db cannot be used") as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(caught.value)


@pytest.mark.file_size(400_000)
def test_a_full_disk(tmp_path: Path) -> None:
    with open_store(tmp_path / "tags.db") as store:
        run = store.begin_run("/photos", "ab", "photo")
        rows = [output_row(run, f"{number:064}") for number in range(10_000)]
        with pytest.raises(StorageError, match=r"tags\.db cannot be used.*run the same command again"):
            store.write(lambda connection: upsert(connection, OUTPUTS, rows))


def test_a_server_that_comes_back(postgresql_server: Server, postgresql_url: str) -> None:
    with open_store(postgresql_url) as store, store.locked():
        run = store.begin_run("/photos", "ab", "photo")
        postgresql_server.stop()
        back = threading.Timer(2, postgresql_server.start)
        back.start()
        try:
            store.write(lambda connection: upsert(connection, OUTPUTS, [output_row(run, "d0")]))
        finally:
            back.join()
        assert store.has_output("d0", run.model)
        with open_store(postgresql_url) as other, pytest.raises(UsageError, match="another process"), other.locked():
            pass


def test_two_transactions_that_wait_for_each_other(postgresql_url: str) -> None:
    both = threading.Barrier(2, timeout=30)
    tries: list[str] = []

    def run(first: str, second: str) -> None:
        def work(connection: Any) -> None:
            tries.append(first)
            for name in (first, second):
                change = update(SOURCES).where(SOURCES.c.name.startswith(name))
                connection.execute(change.values(name=SOURCES.c.name + "+"))
                if name == first and tries.count(first) == 1:
                    both.wait()

        store.write(work)

    with open_store(postgresql_url) as store:
        for name in ("/a", "/b"):
            store.write(lambda connection, name=name: connection.execute(insert(SOURCES), {"name": name}))
        other = threading.Thread(target=run, args=("/b", "/a"))
        other.start()
        run("/a", "/b")
        other.join()
        names = store.read(lambda connection: connection.scalars(select(SOURCES.c.name)).all())
    assert sorted(names) == ["/a++", "/b++"]
    assert len(tries) == 3, "one was ended by the server and done again"


def test_the_lock_survives_a_restart_between_two_transactions(postgresql_server: Server, postgresql_url: str) -> None:
    with open_store(postgresql_url) as store, store.locked():
        postgresql_server.stop()
        postgresql_server.start()
        store.begin_run("/photos", "ab", "photo")
        with open_store(postgresql_url) as other, pytest.raises(UsageError, match="another process"), other.locked():
            pass


def test_a_lock_that_another_took_during_a_restart(postgresql_server: Server, postgresql_url: str) -> None:
    with open_store(postgresql_url) as store, open_store(postgresql_url) as other, store.locked():
        postgresql_server.stop()
        postgresql_server.start()
        with other.locked(), pytest.raises(UsageError, match="another process is writing tags"):
            store.begin_run("/photos", "ab", "photo")


def test_a_server_that_stays_away(postgresql_server: Server, postgresql_url: str) -> None:
    with open_store(postgresql_url, patience=1.0) as store:
        postgresql_server.stop()
        try:
            started = time.monotonic()
            with pytest.raises(StorageError, match="cannot be used"):
                store.begin_run("/photos", "ab", "photo")
            assert time.monotonic() - started < 30
        finally:
            postgresql_server.start()
