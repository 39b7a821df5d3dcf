"""A source that should not have been tagged is removed again: its tags, not their history nor the reviews."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue.catalogue_store import open_store
from clothier.catalogue.index.entries import runs_state
from clothier.catalogue.review import accept, correct, undo
from clothier.catalogue.sources import BY_PERSON, TAKEN, remove_source, run_warnings
from clothier.cli.main import main
from clothier.errors import UnknownNameError, UsageError
from clothier.store import jobs
from clothier.store.previews import find_preview, write_previews
from clothier.store.schema import FILES, JOBS, RUNS, SOURCES
from clothier.store.store import RunId
from clothier.workflows.export import export
from clothier.workflows.tag import tag
from tests.color_photos import draw, draw_folder, save_model
from tests.stored_items import AT, file_row, fill_store, item_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from clothier.bundle import Bundle
    from clothier.store import Store


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["sources", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_wrong_folder(store_url: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = draw_folder(tmp_path / "photos")
    wrong = tmp_path / "wrong"
    shutil.copytree(photos, wrong)
    (wrong / "empty.png").touch()
    (photos / "1.png").unlink()
    tag(photos, store=store_url, model=model)
    tag(wrong, store=store_url, model=model)
    with open_store(store_url) as store:
        (item,) = [one for one in store.queue(limit=99, order="random").items if one.file == "1.png"]
        correct(store, {item.item_id: None}, "hat", "anna")
        before, n = runs_state(store), store.statistics().n_items
    found = command(capsys, "--store", store_url)
    assert [(one["name"], one["failed"], one["is_finished"]) for one in found["sources"]] == [
        (str(photos), 0, True),
        (str(wrong), 1, True),
    ]
    removed = command(capsys, "--store", store_url, "--remove", f"{wrong}/", "--by", "bob")
    assert removed["removed"] == {"name": str(wrong), "files": 7, "items": 1, "reviewed": 1, "only_missing": False}
    assert [one["name"] for one in removed["sources"]] == [str(photos)]
    with open_store(store_url) as store:
        assert (store.statistics().n_items, store.statistics().n_reviewed) == (n - 1, 0)
        assert [one["actor"] for one in store.history(item.item_id)] == ["model colors", "person anna", "person bob"]
        assert store.history(item.item_id)[-1]["after"]["class"] is None
        assert runs_state(store) != before, "an index that a server keeps is out of date"
    assert export(store_url, tmp_path / "out.csv", include_all=True).n_tags == 5, "the files of the folder"
    again = tag(wrong, store=store_url, model=model)
    assert again.computed == 0, "the outputs of the model are still there"
    with open_store(store_url) as store:
        (back,) = store.items([item.item_id])
        assert (back.reviewed_class, back.reviewed_by) == ("hat", "anna"), "no decision is lost"
        for seen in range(item.revision, back.revision):
            result = correct(store, {item.item_id: seen}, "dress", "carl")
            assert [one.item_id for one in result.conflicts] == [item.item_id], "carl saw it before the removal"
        last = back.revision
    command(capsys, "--store", store_url, "--remove", str(wrong))
    tag(wrong, store=store_url, model=model)
    with open_store(store_url) as store:
        assert store.items([item.item_id])[0].revision > last, "after each removal"


def test_a_photo_that_another_one_replaced(store_url: str, model: Path, tmp_path: Path) -> None:
    photos = draw_folder(tmp_path / "photos")
    tag(photos, store=store_url, model=model)
    with open_store(store_url) as store:
        (item,) = [one for one in store.queue(limit=99, order="random").items if one.file == "1.png"]
        correct(store, {item.item_id: item.revision}, "skirt", "anna")
        n = store.statistics().n_items
    draw(photos / "1.png", "skirt", 9)
    tag(photos, store=store_url, model=model)
    with open_store(store_url) as store:
        assert (store.statistics().n_items, store.items([item.item_id])) == (n, ()), "nobody can look at it anymore"
        assert store.history(item.item_id)[-1]["actor"] == "model colors"
    draw(photos / "1.png", "hat", 1)
    tag(photos, store=store_url, model=model)
    with open_store(store_url) as store:
        (back,) = store.items([item.item_id])
        assert (back.reviewed_class, back.revision, store.statistics().n_items) == ("skirt", item.revision + 2, n)
    (photos / "1.png").write_bytes(b"")
    assert tag(photos, store=store_url, model=model).n_failed == 1
    with open_store(store_url) as store:
        assert len(store.items([item.item_id])) == 1, "it may be repaired"
        store.remove_source(str(photos), "anna")
        assert store.statistics().n_items == 0


def test_photos_that_a_folder_has_no_more(
    store_url: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = draw_folder(tmp_path / "photos")
    tag(photos, store=store_url, model=model)
    (photos / "1.png").rename(tmp_path / "1.png")
    (photos / "2.png").rename(photos / "renamed.png")
    found = tag(photos, store=store_url, model=model)
    assert [one[:36] for one in found.warnings] == ["1 photos of earlier runs are not in "], "a renamed one is there"
    with open_store(store_url) as store:
        n = store.statistics().n_items
    removed = command(capsys, "--store", store_url, "--remove-missing", str(photos), "--by", "anna")
    assert (removed["removed"]["items"], removed["removed"]["only_missing"]) == (1, True)
    assert [(one["photos"], one["missing"]) for one in removed["sources"]] == [(5, 0)]
    with open_store(store_url) as store:
        assert store.statistics().n_items == n - 1
    (tmp_path / "1.png").rename(photos / "1.png")
    assert tag(photos, store=store_url, model=model).warnings == ()
    with open_store(store_url) as store:
        assert store.statistics().n_items == n


def test_what_is_refused(
    store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_store(store, item_row("i1"))
    fill_store(store, item_row("i2"), source=str(tmp_path))
    monkeypatch.chdir(tmp_path)  # which no empty name stands for
    (loop := tmp_path / "loop").symlink_to(loop)
    with open_store(store_url) as opened:
        with pytest.raises(UnknownNameError, match="'/photo' is not a source of this store; did you mean '/photos'"):
            opened.remove_source("/photo", "anna")
        with store.locked(), pytest.raises(UsageError, match="another process is writing tags"):
            opened.remove_source("/photos", "anna")
        for name in ("", str(loop)):
            with pytest.raises(UnknownNameError, match="is not a source"):
                opened.remove_source(name, "anna")
        accept(opened, {"i1": None}, "anna")
        assert opened.remove_source("/photos", "anna").items == 1
        taken_back = undo(opened, "anna")
        opened.remove_source(".", "anna")
    assert (taken_back.n, [one.item_id for one in taken_back.conflicts]) == (0, ["i1"])
    assert main(["sources", "--store", store_url, "--by", "anna"]) == 2
    assert main(["sources", "--store", store_url, "--remove", "a", "--remove-missing", "a"]) == 2
    assert main(["sources", "--store", store_url]) == 0
    assert capsys.readouterr().out == "The store has no sources.\n"


def test_a_server_notices_that_a_source_was_replaced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for minute, source in enumerate(("/wrong", "/photos")):
        monkeypatch.setattr("clothier.store.store.now", lambda minute=minute: f"2026-11-30T12:0{minute}:00Z")
        fill_store(store, item_row("i1", digest=source), source=source)
        store.finish_run(store.begin_run(source, "ab", "shop"))
        states.append(runs_state(store))
        remove_source(store, source, "anna")
    assert len({*states, runs_state(store)}) == 3


def test_ids_that_are_taken_are_found_among_many_sources(store: Store) -> None:
    run, n = store.begin_run("/photos", "ab", "shop"), 1_100
    store.finish_run(run)
    others = [RunId(run.run + number, run.source + number, run.model) for number in range(1, n + 1)]
    runs = [{"run_id": one.run, "source_id": one.source, "model_id": one.model} for one in others]

    def add_sources(connection: Connection) -> None:
        connection.execute(SOURCES.insert(), [{"source_id": one.source, "name": f"/{one.source}"} for one in others])
        connection.execute(RUNS.insert(), [{**one, "started_at": AT, "finished_at": AT} for one in runs])

    store.write(add_sources)
    assert run_warnings(store, run) == []
    files = [file_row(run, item_row("i1"), 0), file_row(others[-1], item_row("i1", digest="another"), 0)]
    store.write(lambda connection: connection.execute(FILES.insert(), files))
    assert run_warnings(store, run) == [TAKEN.format(n=1, item_id="i1", source=f"/{others[-1].source}")]


def test_an_upload(store: Store, store_url: str) -> None:
    job, _ = jobs.begin_upload(store, "anna", None)
    job = jobs.complete_upload(store, job, "f")
    fill_store(store, item_row("i1"), item_row("i2", digest="digest of i1"), source="/photos")
    store.write(lambda connection: write_previews(connection, {"digest of i1": b"\xff\xd8\xff", "d3": b"\xff\xd8\xff"}))
    fill_store(store, item_row("i3", digest="d3"), item_row("i1"), source=job.source)
    run = store.begin_run(job.source, "ab", "shop")
    jobs.start_job(store, job, run)
    with open_store(store_url) as opened:
        with pytest.raises(UsageError, match=r"is not done\. Wait for it or cancel it"):
            opened.remove_source(job.source, "bob")
        jobs.finish_job(store, job, result={})
        removed = opened.remove_source(job.source, "bob")
    assert (removed.files, removed.items) == (2, 1), "the other one is in a folder, too"
    assert (find_preview(store, "d3"), find_preview(store, "digest of i1")) == (None, b"\xff\xd8\xff")
    (row,) = store.rows_of(JOBS.select())
    assert (row["status"], row["error"], row["run_id"]) == ("canceled", BY_PERSON.format("bob"), None)
