"""The real command on a real store, driven by lines and through a terminal."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pty
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue.review import Filter, accept, find_items, queue
from clothier.cli.main import main
from clothier.data.photo_table import read_photo_table
from clothier.errors import DataError
from clothier.store import open_store
from clothier.workflows.review import export_corrections
from clothier.workflows.tag import tag
from tests.color_photos import draw, save_model
from tests.stored_items import fill_store, item, item_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

    Run = Callable[..., tuple[str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Five hats to review, one accepted dress, and 20 photos of it."""
    digest = hashlib.sha256(draw(tmp_path / "0.jpg").read_bytes()).hexdigest()
    rows = [item_row(f"i{number}", decision="review", probability=0.5, **{"class": "hat"}) for number in range(5)]
    rows[0]["digest"] = digest
    with open_store(tmp_path / "tags.db") as opened:
        fill_store(opened, *rows, item_row("a", draw=0.001, color="red", product="S"), source=str(tmp_path))
    return tmp_path / "tags.db"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process, with these lines as its stdin; returns its stdout and stderr."""

    def go(store: Path, *words: str, lines: str = "", code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        ended = main(["review", "--store", str(store), *words])
        captured = capsys.readouterr()
        assert ended == code, captured.err
        return captured.out, captured.err

    return go


def said(store: Path) -> dict[str, Any]:
    with open_store(store) as opened:
        rows = [item(opened, name) for name in ("i0", "i1", "i2", "i3", "i4", "a")]
    return {one["item_id"]: one["reviewed_class"] for one in rows if one["review_id"] is not None}


def command(store: Path) -> list[str]:
    return [sys.executable, "-m", "clothier", "review", "--store", str(store), "--reviewer", "anna"]


def test_lines_of_a_pipe_are_answers(store: Path) -> None:
    lines = "a\n2\n\nn\ns\ncoat\nu\nCOAT\nn\n"
    done = subprocess.run(command(store), input=lines, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert said(store) == {"i0": "hat", "i1": "coat", "i2": None, "i4": "coat", "a": None}
    assert "anna: 1 accepted, 3 corrected, 2 none of the classes, 1 skipped, 1 taken back" in done.stdout
    shown = done.stderr
    assert f"{store.parent.resolve()}/0.jpg" in shown
    assert "hat 50.0 %   coat 25.0 %" in shown
    assert "review: Accepted." in shown
    assert "1 hat   2 coat   3 dress" in shown
    assert "red   product S   random sample" in shown
    assert "1 review taken back." in shown
    assert shown.endswith("Nothing is left to review.\n")


def test_answers_that_cannot_be_done_are_told_and_the_item_stays(run: Run, store: Path) -> None:
    result, shown = run(store, "--reviewer", "anna", "--json", lines="7\ncaot\nu\n1\nq\n")
    assert "the key 7 has no class here; the keys are 1 to 3" in shown
    assert "'caot' is not a class; did you mean 'coat'" in shown
    assert "anna has no review to take back" in shown
    assert json.loads(result)["counts"] == {"accepted": 1}
    assert said(store) == {"i0": "hat"}


def test_filters(run: Run, store: Path) -> None:
    run(store, "--class", "dress", "--share-accepted", "0.5", lines="a\na\n")
    assert said(store) == {"a": "dress"}
    _, message = run(store, "--source", "/other", code=2)
    assert f"is not a source of this store; known: {store.parent}" in message
    assert run(store, "--color", "green", lines="a\n")[0].endswith(": nothing reviewed\n")


def test_keys_in_a_terminal(store: Path) -> None:
    reader, terminal = pty.openpty()
    words = [*command(store), "--json"]
    with subprocess.Popen(words, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True) as process:
        os.close(terminal)
        shown = ""
        for number, key in enumerate("a2nq", 1):
            while shown.count("1 hat") < number:
                shown += os.read(reader, 65536).decode()
            time.sleep(1)  # a person looks; keys within 0.3 s of a new photo are ignored
            os.write(reader, key.encode())
        out = process.stdout.read() if process.stdout else ""
        assert process.wait(timeout=60) == 0
    os.close(reader)
    assert json.loads(out)["counts"] == {"accepted": 1, "corrected": 1, "none of the classes": 1}
    assert said(store) == {"i0": "hat", "i1": "coat", "i2": None}


def test_more_classes_than_keys(run: Run, tmp_path: Path) -> None:
    classes = ["hat", *(f"class {number:02}" for number in range(20))]
    with open_store(tmp_path / "tags.db") as opened:
        row = item_row("i0", decision="review", **{"class": "hat"})
        fill_store(opened, row, card={"classes": classes}, source=str(tmp_path))
    _, shown = run(tmp_path / "tags.db", lines="m\n9\n")
    assert "1 hat" in shown
    assert "m more" in shown
    with open_store(tmp_path / "tags.db") as opened:
        assert item(opened, "i0")["reviewed_class"] == "class 16"


def test_accept_all_undo_and_statistics(run: Run, store: Path) -> None:
    words = ("--accept-all", "--decision", "review", "--limit", "3", "--reviewer", "anna")
    assert "3 tags accepted by anna" in run(store, *words)[0]
    assert len(said(store)) == 3
    assert json.loads(run(store, "--undo", "--reviewer", "anna", "--json")[0])["n"] == 3
    assert "anna has no review to take back" in run(store, "--undo", "--reviewer", "anna", code=2)[1]
    assert "needs a decision" in run(store, "--accept-all", code=2)[1]
    shown = run(store, "--accept-all", "--decision", "accept", "--reviewer", "anna")[0]
    assert "0 tags accepted by anna\n1 of the random sample left for the queue" in shown
    with open_store(store) as opened:
        accept(opened, {one.item_id: one.revision for one in queue(opened, Filter(decision="review")).items}, "anna")
    shown = run(store, "--stats")[0]
    assert "6 photos (1 accept, 5 review, 0 reject); 5 reviewed: anna 5" in shown
    assert "The model has no risk guarantee." in shown
    assert json.loads(run(store, "--stats", "--json")[0])["by_class"][0]["name"] == "hat"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stats", "--undo"), "--undo and --stats cannot be given together"),
        (("--strict",), "--strict belongs to --stats; it has no effect on the queue"),
        (
            ("--export", "x.csv", "--class", "hat"),
            "--class belongs to the queue, --accept-all; it has no effect on --exp",
        ),
        (("--stats", "--min-probability", "0.5"), "--min-probability belongs to"),
        (("--undo", "--product", "S"), "--product belongs to"),
        (("--import", "x.json", "--random"), "--random belongs to the queue; it has no effect on --import"),
        (("--limit", "10000"), "--limit belongs to --accept-all"),
        (("--random", "--share-accepted", "0.1"), "--share-accepted has no effect here, because --random shows all"),
        (("--decision", "accept", "--share-accepted", "0.1"), "because --decision accept shows the photos of one"),
        (("--stats", "--reviewer", "anna"), "--reviewer belongs to"),
        (("--accept-all", "--decision", "review", "--share-accepted", "1"), "--share-accepted belongs to"),
        (("--decision", "maybe"), "'maybe' is not a decision"),
        (("--share-accepted", "2"), "is out of range"),
        (("--reviewer", ""), "the reviewer's name is ''"),
        (("--export", "x.txt"), "none of the suffixes"),
    ],
)
def test_usage_errors(run: Run, store: Path, words: tuple[str, ...], message: str) -> None:
    assert message in run(store, *words, lines="a\n", code=2)[1]


def test_a_store_that_does_not_exist_is_not_created(run: Run, tmp_path: Path) -> None:
    assert "no.db does not exist" in run(tmp_path / "no.db", "--stats", code=4)[1]
    assert list(tmp_path.iterdir()) == []


def test_corrections_are_a_table_that_calibrate_reads(
    run: Run, tmp_path: Path, color_bundle: Callable[..., Bundle]
) -> None:
    model = save_model(tmp_path / "colors", color_bundle)
    for number, name in enumerate(("dress", "hat", "skirt")):
        draw(tmp_path / "shop" / "images" / f"{number}.png", name, number)
    table = tmp_path / "shop" / "list.csv"
    table.write_text("sku,file,style\nA,0.png,S\nB,1.png,S\nC,2.png,T\nD,3.png,\n")
    tag(table, store=tmp_path / "tags.db", model=model, id_column="sku", product_column="style")
    run(tmp_path / "tags.db", "--random", lines="hat\nn\na\n")
    printed, _ = run(tmp_path / "tags.db", "--export", str(tmp_path / "corrections.csv"))
    assert "3 photos: " in printed
    assert "--group-column product" in printed
    with (tmp_path / "corrections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with open_store(tmp_path / "tags.db") as opened:
        expected = [item(opened, name)["reviewed_class"] or "" for name in "ABC"]
    assert [one["label"] for one in rows] == expected
    assert [one["product"] for one in rows] == ["S", "S", "T"]
    read = read_photo_table(tmp_path / "corrections.csv", classes=["dress", "hat", "skirt"])
    assert [os.path.basename(one) for one in read.files] == ["0.png", "1.png", "2.png"]  # noqa: PTH119 - plain text


def test_what_was_accepted_all_at_once_is_no_label(run: Run, store: Path) -> None:
    run(store, "--accept-all", "--decision", "review")
    result = json.loads(run(store, "--export", str(store.parent / "corrections.csv"), "--json")[0])
    assert (result["n"], result["labels"], result["failed"]) == (0, {}, 0)
    assert result["warnings"][0].startswith("5 photos are left out: their tags were accepted all at once")
    assert json.loads(run(store, "--stats", "--json")[0])["by_decision"] == []


def test_a_reviewed_photo_that_is_gone_is_named(run: Run, store: Path) -> None:
    with open_store(store) as opened:
        accept(opened, {one.item_id: one.revision for one in queue(opened, Filter(decision="review")).items}, "anna")
    printed, messages = run(store, "--export", str(store.parent / "corrections.csv"), "--json", code=3)
    result = json.loads(printed)
    assert (result["n"], result["failed"], result["failures"][0]["file"]) == (1, 4, "1.jpg")
    assert "1.jpg of" in messages
    assert "its review was not exported" in messages
    draw(store.parent / "0.jpg", "hat")
    result = export_corrections(store, store.parent / "corrections.csv")
    assert result.n == 0, "a label of one photo is not written beside another"
    assert "0.jpg of" in result.failures[0].message
    assert "is another photo now than the one that was reviewed" in result.failures[0].message


def test_reviewed_photos_that_were_renamed_or_moved_are_exported(
    tmp_path: Path, color_bundle: Callable[..., Bundle]
) -> None:
    model, photos, table = save_model(tmp_path / "colors", color_bundle), tmp_path / "photos", tmp_path / "out.csv"
    ids = [
        hashlib.sha256(draw(photos / f"{name}.png", name).read_bytes()).hexdigest()[:16] for name in ("dress", "hat")
    ]
    tag(photos, store=tmp_path / "tags.db", model=model)
    with open_store(tmp_path / "tags.db") as opened:
        accept(opened, dict.fromkeys(ids), "anna")

    def exported() -> list[str]:
        found = export_corrections(tmp_path / "tags.db", table)
        assert found.failures == ()
        return sorted(read_photo_table(table, classes=["dress", "hat"]).files)

    (photos / "dress.png").rename(photos / "new.png")
    tag(photos, store=tmp_path / "tags.db", model=model)
    assert exported() == [f"{photos}/hat.png", f"{photos}/new.png"]
    moved = photos.rename(tmp_path / "moved")
    tag(moved, store=tmp_path / "tags.db", model=model)
    assert exported() == [f"{moved}/hat.png", f"{moved}/new.png"]
    shutil.copytree(moved, photos)
    (moved / "new.png").unlink()
    draw(moved / "hat.png", "hat", 9)
    assert exported() == [f"{photos}/hat.png", f"{photos}/new.png"], "where the reviewed photo is"
    with open_store(tmp_path / "tags.db") as opened:
        assert {one.source for one in find_items(opened, ids)} == {str(moved)}, "the last run"


def test_corrections_say_that_they_are_mostly_doubtful_photos(run: Run, store: Path) -> None:
    with open_store(store) as opened:
        rows = (item_row(f"b{number}") for number in range(20))
        fill_store(opened, *rows, source=str(store.parent / "more"))
    run(store, "--decision", "review", lines="a\n")
    result = export_corrections(store, store.parent / "corrections.csv")
    assert result.warnings[0].startswith("1 of these 1 photos were not accepted by the model")
    with pytest.raises(DataError, match="does not exist"):
        export_corrections(store.parent / "no.db", store.parent / "corrections.csv")


def test_drift(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(store) as opened:
        earlier = [item_row(f"b{number}", first_seen_at="2026-11-03T00:00:00Z") for number in range(150)]
        hats = [item_row(f"c{number}", **{"class": "hat"}) for number in range(150)]
        fill_store(opened, *earlier, *hats, source="/more")
    assert main(["drift", "--store", str(store)]) == 0
    shown = capsys.readouterr().out
    assert "2026-W45" in shown
    assert "The classes of 2026-W49 differ from the weeks before" in shown
    assert main(["drift", "--store", str(store), "--strict", "--json"]) == 5
    captured = capsys.readouterr()
    assert json.loads(captured.out)["recalibrate"] is True
    assert "The classes of 2026-W49" in captured.err


def test_a_store_whose_photos_were_removed(
    store: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(store, "--accept-all", "--decision", "review")
    run(store, "--undo")
    assert main(["sources", "--store", str(store), "--remove", str(tmp_path)]) == 0
    capsys.readouterr()
    for words in (
        ("drift", "--store", str(store)),
        ("duplicates", str(store)),
        ("review", "--store", str(store)),
        ("review", "--store", str(store), "--stats"),
        ("review", "--store", str(store), "--accept-all", "--decision", "accept"),
        ("review", "--store", str(store), "--export", str(tmp_path / "corrections.csv")),
    ):
        assert main([*words, "--json"]) == 4, words
        captured = capsys.readouterr()
        assert (captured.out, "has no tags. Tag photos first: clothier tag" in captured.err) == ("", True)
    assert not (tmp_path / "corrections.csv").exists()
