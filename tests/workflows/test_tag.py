from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sqlalchemy import select, update

from clothier.catalogue import product_votes, tagger
from clothier.catalogue.review import accept, correct, undo
from clothier.catalogue.versions import promote, versions
from clothier.data.photos import read_file
from clothier.errors import Interrupted, MissingExtraError, StorageError, UnknownNameError, UsageError
from clothier.inference import Model, load
from clothier.store import open_store
from clothier.store.lock import file_lock
from clothier.store.schema import EMBEDDING, FILES, HAS_TAG, ITEMS, OUTPUTS, REMOVED_ITEMS
from clothier.types import Prediction
from clothier.workflows.index import index
from clothier.workflows.models import promote_model
from clothier.workflows.tag import TagResult, tag
from tests.color_photos import COLORS, draw, draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle
    from clothier.store import Store

CODES = '[codes]\ndress = "D"\nhat = "H"\nskirt = "S"\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos")


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines()))


def by_file(path: Path) -> dict[str, dict[str, Any]]:
    return {one["file"]: one for one in rows(path)}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded."""
    files: list[str] = []
    decode = Model.decode

    def watched(self: Model, file: str, *given: Any, **more: Any) -> Any:
        files.append(str(file))
        return decode(self, file, *given, **more)

    monkeypatch.setattr(Model, "decode", watched)
    return files


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_folder(photos: Path, tmp_path: Path, model: Path, suffix: str) -> None:
    output = tmp_path / f"tags{suffix}"
    result = tag(photos, output, model=model)
    assert (result.n, result.n_failed, result.computed, result.errors) == (6, 0, 5, {})
    assert result.decisions == {"accept": 6, "review": 0, "reject": 0}
    found = rows(output)
    assert [one["file"] for one in found] == ["0.png", "1.png", "2.png", "3.png", "copy.png", "more/4.png"]
    assert [one["class"] for one in found] == ["dress", "hat", "skirt", "dress", "dress", "hat"]
    assert len({one["item_id"] for one in found}) == 5, "a copy is the same item"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", f"tags{suffix}", f"tags{suffix}.store"]


def test_a_row_is_what_predict_says(photos: Path, tmp_path: Path, model: Path) -> None:
    Image.open(photos / "0.png").save(photos / "0.jpg")
    (photos / "0.jpg").write_bytes((photos / "0.jpg").read_bytes()[:-2])  # without its end marker: a note
    tag(photos, tmp_path / "tags.jsonl", model=model)
    assert by_file(tmp_path / "tags.jsonl")["0.jpg"]["notes"]
    for file, row in by_file(tmp_path / "tags.jsonl").items():
        (expected,) = load(model).predict([photos / file])
        names = ("class", "class_2", "class_3"), ("probability", "probability_2", "probability_3")
        assert [row[name] for name in names[0]] == [one.name for one in expected.top]
        assert [row[name] for name in names[1]] == pytest.approx([one.probability for one in expected.top], abs=1e-6)
        assert (row["decision"], row["reason"], row["model"]) == (expected.decision, expected.reason, expected.model)
        assert row["notes"] == (" ".join(expected.notes) or None)
        assert row["color"] is None, "these photos have one color everywhere: no garment is found"
        assert (row["error_code"], row["error_message"], row["code"]) == (None, None, None)


def test_the_store_keeps_embeddings(photos: Path, tmp_path: Path, model: Path, decoded: list[str]) -> None:
    tag(photos, tmp_path / "tags.csv", model=model)
    with open_store(tmp_path / "tags.csv.store") as store:
        query = select(OUTPUTS.c.digest, OUTPUTS.c.embedding)
        found = store.read(lambda connection: dict(connection.execute(query).all()))
        digest = hashlib.sha256((photos / "1.png").read_bytes()).hexdigest()
        embedding = np.frombuffer(found[digest], EMBEDDING)
        assert embedding[:3] == pytest.approx(np.array([20, 20, 229]) / 255, abs=1e-3), "then its colors"
        store.write(lambda connection: connection.execute(update(OUTPUTS).values(embedding=None)))
    decoded.clear()
    assert tag(photos, tmp_path / "tags.csv", model=model).computed == 5, "of a store from before there were embeddings"
    assert len(decoded) == 6


def test_colors_of_the_garments(tmp_path: Path, model: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, color in {"red.png": "#be1923", "blue.png": "#2346a0"}.items():
        image = Image.new("RGB", (24, 24), "#cdc8c3")
        image.paste(color, (7, 7, 17, 17))
        image.save(photos / name)
    output = tmp_path / "tags.parquet"
    tag(photos, output, store=tmp_path / "store.db", model=model)
    for file, row in by_file(output).items():
        (expected,) = load(model).predict([photos / file])
        assert isinstance(expected, Prediction)
        assert expected.colors
        main = expected.colors[0]
        assert (row["color"], row["color_hex"], row["color_share"]) == (main.name, main.hex, main.share)
        assert main.name == Path(file).stem
        assert expected.to_json()["colors"] == [one.to_json() for one in expected.colors]
    with open_store(tmp_path / "store.db") as store:
        stored = store.read(lambda connection: connection.execute(select(ITEMS.c.color)).scalars().all())
    assert sorted(map(str, stored)) == ["blue", "red"]


def test_an_unchanged_folder_is_not_read_again(
    photos: Path, tmp_path: Path, model: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "tags.csv"
    tag(photos, output, model=model)
    before = output.read_bytes()
    decoded.clear()
    monkeypatch.setattr("clothier.data.photo_sources.folder.read_file", lambda path: pytest.fail(f"{path} was read"))
    result = tag(photos, output, model=model)
    assert (result.n, result.computed, decoded) == (6, 0, [])
    assert output.read_bytes() == before


def test_new_renamed_changed_and_removed_photos(photos: Path, tmp_path: Path, model: Path, decoded: list[str]) -> None:
    output = tmp_path / "tags.csv"
    tag(photos, output, model=model)
    before = by_file(output)
    (photos / "1.png").rename(photos / "renamed.png")
    draw(photos / "2.png", "hat", 100)
    (photos / "3.png").unlink()
    draw(photos / "5.png", "skirt", 5)
    decoded.clear()
    tag(photos, output, model=model)
    after = by_file(output)
    assert sorted(decoded) == ["2.png", "5.png"]
    assert sorted(after) == ["0.png", "2.png", "5.png", "copy.png", "more/4.png", "renamed.png"]
    assert after["renamed.png"]["item_id"] == before["1.png"]["item_id"]
    assert after["2.png"]["class"] == "hat"


def test_new_thresholds_and_codes_do_not_run_the_model(
    photos: Path, tmp_path: Path, model: Path, decoded: list[str]
) -> None:
    output, stricter = tmp_path / "tags.csv", shutil.copytree(model, tmp_path / "stricter")
    tag(photos, output, model=model)
    old = by_file(output)["0.png"]
    card = json.loads((stricter / "card.json").read_text())
    card["thresholds"]["min_probability"] = 1.0
    card["calibration"] = {"temperature": 2.0}
    (stricter / "card.json").write_text(json.dumps(card))
    (tmp_path / "codes.toml").write_text(CODES)
    decoded.clear()
    result = tag(photos, output, model=stricter, taxonomy=tmp_path / "codes.toml")
    assert (result.computed, decoded) == (0, [])
    assert result.decisions == {"accept": 0, "review": 6, "reject": 0}
    found = by_file(output)["0.png"]
    (expected,) = load(stricter).predict([photos / "0.png"])
    assert float(found["probability"]) == pytest.approx(expected.top[0].probability, abs=1e-6)
    assert (found["code"], found["reason"]) == ("D", expected.reason)
    assert found["thresholds"] != old["thresholds"]
    with open_store(f"{output}.store") as store:
        first, second = store.history(found["item_id"])
    assert (first["before"], first["after"]["decision"]) == (None, "accept")
    assert (second["before"], second["after"]["decision"]) == (first["after"], "review")
    assert second["actor"] == "model colors"


def test_another_model_runs(photos: Path, tmp_path: Path, model: Path, color_bundle: Callable[..., Bundle]) -> None:
    other = color_bundle(tmp_path / "other", {"coat": (230, 20, 20), "bag": (20, 20, 230)}).path
    output = tmp_path / "tags.csv"
    tag(photos, output, model=model)
    result = tag(photos, output, model=other)
    assert result.computed == 5
    assert result.decisions == {"accept": 0, "review": 0, "reject": 0, "uncalibrated": 6}
    assert by_file(output)["0.png"]["class"] == "coat"
    assert tag(photos, output, model=model).computed == 0, "its outputs are still there"
    assert by_file(output)["0.png"]["class"] == "dress"


def test_a_photo_that_cannot_be_read_is_a_row_and_is_tried_again(photos: Path, tmp_path: Path, model: Path) -> None:
    output = tmp_path / "tags.jsonl"
    (photos / "9.png").write_text("a dress, honestly")
    (photos / "8.png").symlink_to(photos / "nothing")
    for _ in range(2):
        result = tag(photos, output, model=model)
        assert result.errors == {"not-an-image": 1, "not-found": 1}
        assert sorted(one.file for one in result.failures) == ["8.png", "9.png"]
        row = by_file(output)["9.png"]
        assert (row["error_code"], row["class"], row["decision"], row["class_2"]) == ("not-an-image", None, None, None)
        assert "9.png" in row["error_message"]
    draw(photos / "9.png", "hat", 9)
    assert tag(photos, output, model=model).errors == {"not-found": 1}
    assert by_file(output)["9.png"]["class"] == "hat"


def test_names_that_are_not_utf8(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "photos"
    draw(folder / os.fsdecode(b"good-\xff.png"))
    (folder / os.fsdecode(b"empty-\xff.png")).touch()
    assert tag(folder, tmp_path / "tags.jsonl", model=model).errors == {"empty": 1}
    empty, good = rows(tmp_path / "tags.jsonl")
    assert (good["file"], good["class"], empty["file"]) == ("good-\\xff.png", "dress", "empty-\\xff.png")


def test_many_failures_are_counted_and_the_first_are_named(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.jpg").write_text("no photo")
    result = tag(folder, tmp_path / "tags.csv", model=model)
    assert (result.n_failed, len(result.failures)) == (50, tagger.MAX_FAILURES)
    assert len(rows(tmp_path / "tags.csv")) == 50


def test_photos_that_change_or_vanish_during_the_run(
    photos: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disturbed(path: Path) -> bytes:
        if path.name == "1.png":
            path.unlink()
        if path.name == "2.png":
            draw(path, "hat", 200)
            os.utime(path, ns=(5, 5))
        return read_file(path)

    monkeypatch.setattr("clothier.data.photo_sources.folder.read_file", disturbed)
    assert tag(photos, tmp_path / "tags.csv", model=model).errors == {"not-found": 1}
    monkeypatch.undo()
    result = tag(photos, tmp_path / "tags.csv", model=model)
    assert (result.n, result.errors, by_file(tmp_path / "tags.csv")["2.png"]["class"]) == (5, {}, "hat")


def test_rows_of_a_table_with_ids_and_products(photos: Path, model: Path, decoded: list[str]) -> None:
    table = photos / "list.csv"
    table.write_text("sku,file,style,price\nA1,0.png,S,5\nA2,1.png,S,=1+1\nA3,0.png,T,7\nA1,2.png,T,8\nA4,no.png,T,9\n")
    result = tag(table, photos / "tags.csv", model=model, id_column="sku", product_column="style")
    found = rows(photos / "tags.csv")
    assert [(one["item_id"], one["file"], one["class"]) for one in found] == [
        ("A1", "0.png", "dress"),
        ("A2", "1.png", "hat"),
        ("A3", "0.png", "dress"),
        ("", "2.png", ""),
        ("A4", "no.png", ""),
    ]
    assert [one["price"] for one in found] == ["5", "'=1+1", "7", "8", "9"]
    assert [one["style"] for one in found] == ["S", "S", "T", "T", "T"]
    assert result.errors == {"duplicate": 1, "not-found": 1}
    assert "line 5" in found[3]["error_message"]
    with open_store(photos / "tags.csv.store") as store:
        assert {one["product"] for one in store.read(lambda c: c.execute(ITEMS.select()).mappings().all())} == {
            "S",
            "T",
        }


def test_the_photos_of_a_product_vote(
    photos: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_votes, "PAGE", 2)
    lines = ["file,style", "0.png,A", "1.png,B", "3.png,A", "1.png,", "2.png,A", "no.png,C", "copy.png,A"]
    (photos / "list.csv").write_text("\n".join(lines))
    tag(photos / "list.csv", tmp_path / "tags.jsonl", model=model, product_column="style")
    found = rows(tmp_path / "tags.jsonl")
    votes = [one["product_class"] for one in found]
    assert votes == ["dress", "hat", "dress", None, "dress", None, "dress"], "by style A, B, A, none, A, C, A"
    predictions = load(model).predict([photos / name for name in ("0.png", "3.png", "2.png", "copy.png")])
    photos_of_a = [{one.name: one.probability for one in photo.top} for photo in predictions]
    means = {name: np.exp(np.mean([np.log(one[name]) for one in photos_of_a])) for name in COLORS}
    assert found[0]["product_probability"] == pytest.approx(means["dress"] / sum(means.values()), abs=1e-6)
    tag(photos / "list.csv", tmp_path / "tags.jsonl", model=model)
    assert "product_class" not in rows(tmp_path / "tags.jsonl")[0]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("items.csv", "\n".join([lines[0].replace("style", "product"), *lines[1:]]))
        for name in ("0.png", "1.png", "2.png", "3.png", "copy.png"):
            archive.write(photos / name, name)
    tag(tmp_path / "photos.zip", tmp_path / "zip.jsonl", model=model)
    again = [(one["product_class"], one["product_probability"]) for one in rows(tmp_path / "zip.jsonl")]
    assert again == [(one["product_class"], one["product_probability"]) for one in found], "as the table has it"


def test_a_calibrated_model_has_the_outputs_of_the_one_it_is_made_of(
    photos: Path, tmp_path: Path, model: Path, color_bundle: Callable[..., Bundle]
) -> None:
    shop = save_model(tmp_path / "shop", color_bundle, min_probability=0.99)
    (photos / "list.csv").write_text("file,style\n0.png,A\n1.png,B\n3.png,A\n")
    for number, one in enumerate((model, shop)):
        found = tag(photos / "list.csv", tmp_path / "tags.csv", model=one, product_column="style")
        assert found.computed == (0 if number else 3)
        assert [one["product_class"] for one in rows(tmp_path / "tags.csv")] == ["dress", "hat", "dress"]
    assert {one["model"] for one in rows(tmp_path / "tags.csv")} == {"shop"}
    promote_model(tmp_path / "tags.csv.store", str(shop), "anna")
    indexed = index(tmp_path / "tags.csv.store", tmp_path / "index")
    assert (indexed.model, indexed.update.n) == ("shop", 3)


def test_the_photo_of_an_id_is_replaced(photos: Path, model: Path) -> None:
    table = photos / "list.csv"
    table.write_text("sku,file\nA1,0.png\n")
    tag(table, photos / "tags.csv", model=model, id_column="sku")
    table.write_text("sku,file\nA1,1.png\n")
    tag(table, photos / "tags.csv", model=model, id_column="sku")
    assert [(one["item_id"], one["class"]) for one in rows(photos / "tags.csv")] == [("A1", "hat")]
    with open_store(photos / "tags.csv.store") as store:
        assert [one["after"]["class"] for one in store.history("A1")] == ["dress", "hat"]


def test_photos_that_did_not_change_get_other_ids(photos: Path, model: Path) -> None:
    table, names = photos / "list.csv", ["0.png", "1.png", "2.png"]
    table.write_text("file\n0.png\n1.png\n2.png\n1.png\n")

    def item_ids(removed: bool) -> set[str]:
        column = (REMOVED_ITEMS if removed else ITEMS).c.item_id
        with open_store(photos / "tags.db") as store:
            return store.read(lambda connection: set(connection.scalars(select(column))))

    tag(table, store=photos / "tags.db", model=model)
    own = item_ids(removed=False)
    assert len(own) == len(names)
    result = tag(table, store=photos / "tags.db", model=model, id_column="file")
    assert (result.computed, result.errors) == (0, {"duplicate": 1})
    assert (item_ids(removed=False), item_ids(removed=True)) == (set(names), own)
    (photos / "2.png").unlink()  # its item stays, as it may come back
    assert tag(table, store=photos / "tags.db", model=model).errors == {"duplicate": 1, "not-found": 1}
    assert len(item_ids(removed=False) & own) == 2
    assert (item_ids(removed=False) - own, item_ids(removed=True) - own) == ({"2.png"}, {"0.png", "1.png"})


def test_an_id_gets_another_file_of_the_same_size_and_time(tmp_path: Path, model: Path) -> None:
    for name in ("dress", "hat"):
        Image.new("RGB", (24, 24), COLORS[name]).save(tmp_path / f"{name}.bmp")
        os.utime(tmp_path / f"{name}.bmp", (1_700_000_000,) * 2)
        (tmp_path / "list.csv").write_text(f"sku,file\nA1,{name}.bmp\n")
        tag(tmp_path / "list.csv", tmp_path / "tags.csv", model=model, id_column="sku")
        assert [one["class"] for one in rows(tmp_path / "tags.csv")] == [name]


def test_a_repeated_file_is_noticed_across_chunks(photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "FIRST_CHUNK", 1)
    monkeypatch.setattr(tagger, "CHUNK", 1)
    (photos / "list.csv").write_text("file\n0.png\n0.png\n1.png\n2.png\n0.png\n")
    with zipfile.ZipFile(photos / "photos.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the same names
        for name in ("0.png", "0.png", "1.png", "2.png", "0.png"):
            archive.write(photos / name, name)
    for source in (photos / "list.csv", photos / "photos.zip"):
        assert tag(source, photos / "tags.csv", model=model).errors == {"duplicate": 2}
        assert [one["class"] for one in rows(photos / "tags.csv")] == ["dress", "", "hat", "skirt", ""]


def test_columns_are_checked_before_the_work(photos: Path, model: Path) -> None:
    (photos / "list.csv").write_text("file,class\n0.png,x\n")
    with pytest.raises(UsageError, match="two columns 'class'"):
        tag(photos / "list.csv", photos / "tags.csv", model=model)
    with pytest.raises(UnknownNameError, match="'clas' is not a column"):
        tag(photos / "list.csv", photos / "tags.csv", model=model, columns="file,clas")
    assert not (photos / "tags.csv.store").exists()
    tag(photos / "list.csv", photos / "tags.csv", model=model, columns="class=ours,input.class=theirs")
    assert rows(photos / "tags.csv") == [{"ours": "dress", "theirs": "x"}]
    assert tag(photos / "list.csv", store=photos / "tags", model=model).n == 1, "a store takes any names of columns"


def test_output_and_store_in_the_folder_itself(photos: Path, model: Path) -> None:
    for _ in range(2):
        result = tag(photos, photos / "tags.csv", store=photos / "tags", model=model)
        assert (result.n, result.warnings) == (6, ())


def test_a_store_alone_and_two_sources_in_it(photos: Path, tmp_path: Path, model: Path) -> None:
    store = tmp_path / "all.db"
    draw(tmp_path / "others" / "x.png", "dress", 0)
    assert tag(photos, store=store, model=model).output is None
    assert tag(tmp_path / "others", store=store, model=model).computed == 0, "the content is known"
    tag(photos, tmp_path / "tags.csv", store=store, model=model)
    assert len(rows(tmp_path / "tags.csv")) == 6


def test_postgresql(photos: Path, tmp_path: Path, model: Path, postgresql_url: str) -> None:
    tag(photos, tmp_path / "sqlite.jsonl", model=model)
    for computed in (5, 0):
        result = tag(photos, tmp_path / "postgresql.jsonl", store=postgresql_url, model=model)
        assert result.computed == computed
        assert (tmp_path / "postgresql.jsonl").read_bytes() == (tmp_path / "sqlite.jsonl").read_bytes()
    (photos / "1.png").unlink()
    assert tag(photos, tmp_path / "postgresql.jsonl", store=postgresql_url, model=model).n == 5


def test_small_gray_images_go_to_the_other_model(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 8:20] = 200
    Image.fromarray(image).save(tmp_path / "photos/small.png")
    draw(tmp_path / "photos/large.png")
    for _ in range(2):
        tag(tmp_path / "photos", tmp_path / "tags.jsonl")
        large, small = rows(tmp_path / "tags.jsonl")
        expected = load().predict([tmp_path / "photos/small.png"])[0]
        assert (large["model"], small["model"]) == ("photo", "fashion-cnn")
        assert (small["class"], small["reason"]) == (expected.top[0].name, expected.reason)


def test_what_was_done_before_an_interruption_is_kept(
    photos: Path, tmp_path: Path, model: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "FIRST_CHUNK", 1)
    monkeypatch.setattr(tagger, "CHUNK", 1)
    output = tmp_path / "tags.csv"
    output.write_text("old")

    def stop(task: str, done: float, total: float, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        tag(photos, output, model=model, progress=stop)
    assert output.read_text() == "old"
    decoded.clear()
    result = tag(photos, output, model=model)
    assert (result.n, result.computed, sorted(decoded)) == (6, 2, ["3.png", "more/4.png"])


def test_one_output_is_written_by_one_process(photos: Path, tmp_path: Path, model: Path) -> None:
    with (
        file_lock(tmp_path / "tags.csv.lock", "tags.csv"),
        pytest.raises(UsageError, match=r"another process is writing tags to .*tags\.csv"),
    ):
        tag(photos, tmp_path / "tags.csv", store=tmp_path / "other.db", model=model)


def test_what_a_killed_process_left_is_removed(photos: Path, tmp_path: Path, model: Path) -> None:
    (tmp_path / ".tags.csv.0011aabb.part").touch()
    tag(photos, tmp_path / "tags.csv", model=model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "tags.csv", "tags.csv.store"]


def test_progress(photos: Path, tmp_path: Path, model: Path) -> None:
    calls: list[tuple[str, float, float]] = []
    tag(photos, tmp_path / "tags.csv", model=model, progress=lambda *call: calls.append(call[:3]))
    assert calls == [("tag", 6, 6), ("write", 6, 6)]


def test_an_empty_folder(tmp_path: Path, model: Path) -> None:
    (tmp_path / "photos").mkdir()
    result = tag(tmp_path / "photos", tmp_path / "tags.csv", model=model)
    assert (result.n, rows(tmp_path / "tags.csv")) == (0, [])
    assert result.to_json()["photos_per_second"] == 0


def test_source_output_and_store_are_three_files(photos: Path, model: Path) -> None:
    (photos / "list.csv").write_text("file\n0.png\n")
    with pytest.raises(UsageError, match=r"the source and the output are the same: .*list\.csv"):
        tag(photos / "list.csv", photos / "more/../list.csv", model=model)
    with pytest.raises(UsageError, match="the source and the store are the same"):
        tag(photos / "list.csv", store=photos / "list.csv", model=model)
    with pytest.raises(UsageError, match="the output and the store are the same"):
        tag(photos / "list.csv", photos / "tags.csv", store=photos / "tags.csv", model=model)
    tag(photos / "list.csv", store=photos / "tags.db", model=model)
    with pytest.raises(UsageError, match="whose photos were tagged"):
        tag(photos, photos / "list.csv", store=photos / "tags.db", model=model)
    assert (photos / "list.csv").read_text() == "file\n0.png\n"


def test_no_output_and_no_store(photos: Path, model: Path) -> None:
    with pytest.raises(UsageError, match=r"no output.*-o tags\.csv.*--store"):
        tag(photos, model=model)


@pytest.mark.file_size(400_000)
def test_a_full_disk_keeps_the_old_output(photos: Path, tmp_path: Path, model: Path) -> None:
    (tmp_path / "tags.csv").write_text("old")
    for number in range(2, 200):
        draw(photos / f"x{number}.png", "skirt", number)
    with pytest.raises(StorageError):
        tag(photos, tmp_path / "tags.csv", model=model)
    assert (tmp_path / "tags.csv").read_text() == "old"


def test_the_json_is_complete(photos: Path, tmp_path: Path, model: Path) -> None:
    (photos / "bad.jpg").touch()
    result = tag(photos, tmp_path / "tags.csv", model=model)
    assert isinstance(result, TagResult)
    content = json.loads(json.dumps(result.to_json()))
    assert content.pop("seconds") > 0
    assert content.pop("photos_per_second") > 0
    assert content.pop("limits").startswith("Accepted tags: no risk guarantee.")
    (failure,) = content.pop("failures")
    assert (failure["file"], failure["error"]["code"]) == ("bad.jpg", "empty")
    assert content == {
        "source": str(photos),
        "model": "colors",
        "output": str(tmp_path / "tags.csv"),
        "store": str(tmp_path / "tags.csv.store"),
        "n": 7,
        "tagged": 6,
        "computed": 5,
        "failed": 1,
        "decisions": {"accept": 6, "review": 0, "reject": 0},
        "errors": {"empty": 1},
        "catalogue": None,
        "trusted": False,
        "warnings": [],
    }


def test_memory_holds_two_chunks_at_most(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos that were decoded and not yet stored."""
    for number in range(60):
        draw(tmp_path / "photos" / f"{number:02}.png", "hat", number)
    monkeypatch.setattr(tagger, "FIRST_CHUNK", 4)
    monkeypatch.setattr(tagger, "CHUNK", 4)
    waiting, most = Counter(), []
    write = tagger.write_chunk

    def counted(path: Path) -> bytes:
        waiting["n"] += 1
        most.append(waiting["n"])
        return read_file(path)

    def stored(connection: Any, run: Any, rules: Any, files: Any, *rest: Any) -> None:
        waiting["n"] -= len(files)
        write(connection, run, rules, files, *rest)

    monkeypatch.setattr("clothier.data.photo_sources.folder.read_file", counted)
    monkeypatch.setattr(tagger, "write_chunk", stored)
    tag(tmp_path / "photos", tmp_path / "tags.csv", model=model)
    assert max(most) <= 8


@pytest.mark.parametrize("kind", ["zip", "parquet"])
def test_archives_and_tables_of_images_give_the_rows_of_the_folder(
    kind: str, photos: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "MAX_HELD", 100)
    files = sorted(one for one in photos.rglob("*.png"))
    names = [str(one.relative_to(photos)) for one in files]
    source = tmp_path / f"photos.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for file, name in zip(files, names, strict=True):
                archive.write(file, name)
    else:
        images = [{"bytes": file.read_bytes(), "path": name} for file, name in zip(files, names, strict=True)]
        pq.write_table(pa.table({"image": pa.array(images), "price": [1.5] * 6}), source)
    tag(photos, tmp_path / "folder.jsonl", model=model)
    for is_new in (True, False):
        result = tag(source, tmp_path / "other.jsonl", model=model)
        assert bool(result.computed) == is_new
        found = [{**one, "price": 0.0} for one in rows(tmp_path / "other.jsonl")]
        assert found == [{**one, "price": 0.0} for one in rows(tmp_path / "folder.jsonl")]


def seen(store: Store, item_id: str) -> dict[str, Any]:
    (row,) = store.read(lambda c: c.execute(ITEMS.select().where(ITEMS.c.item_id == item_id)).mappings().all())
    return dict(row)


def test_a_review_outlives_new_thresholds_and_another_model(
    photos: Path, tmp_path: Path, model: Path, color_bundle: Callable[..., Bundle]
) -> None:
    output = tmp_path / "tags.csv"
    tag(photos, output, model=model)
    wrong, right, none = (by_file(output)[name]["item_id"] for name in ("0.png", "1.png", "2.png"))
    with open_store(f"{output}.store") as store:
        correct(store, {wrong: 0}, "skirt", "anna")
        accept(store, {right: 0}, "anna")
        correct(store, {none: 0}, None, "bob")
        before = seen(store, wrong)
    (tmp_path / "codes.toml").write_text(CODES)
    result = tag(photos, output, model=model, taxonomy=tmp_path / "codes.toml")
    assert result.decisions == {"accept": 5, "review": 0, "reject": 1}
    found = by_file(output)
    row = found["0.png"]
    assert (row["class"], row["code"], row["decision"], row["model_class"]) == ("skirt", "S", "accept", "dress")
    assert (row["probability"], row["class_2"], row["reviewed_by"]) == ("", "", "anna")
    assert row["reason"].startswith("Reviewed by anna on 20")
    assert row["reason"].endswith(": skirt; the model's class was dress (100 %).")
    assert (found["1.png"]["class"], found["1.png"]["decision"]) == ("hat", "accept")
    assert found["1.png"]["reason"].endswith(": right.")
    assert float(found["1.png"]["probability"]) > 0.9
    assert (found["2.png"]["class"], found["2.png"]["code"], found["2.png"]["decision"]) == ("", "", "reject")
    assert found["copy.png"]["class"] == "skirt", "the same content is the same item"
    other = color_bundle(tmp_path / "other", {"coat": (230, 20, 20), "bag": (20, 20, 230)}).path
    tag(photos, output, model=other)
    with open_store(f"{output}.store") as store:
        after = seen(store, wrong)
        change = store.history(wrong)[-1]
    review = ("review_id", "reviewed_class", "reviewed_by", "reviewed_at")
    assert [after[name] for name in review] == [before[name] for name in review]
    assert (after["class"], after["model"]) == ("coat", "other"), "the model's opinion is kept beside it"
    assert (change["actor"], change["after"]["class"], change["after"]["reviewed_class"]) == (
        "model other",
        "coat",
        "skirt",
    )
    assert by_file(output)["0.png"]["class"] == "skirt"


def test_a_review_belongs_to_the_photo_of_an_id(tmp_path: Path, model: Path) -> None:
    draw(tmp_path / "a.png", "dress")
    table, output = tmp_path / "list.csv", tmp_path / "tags.csv"
    table.write_text("sku,file\nA1,a.png\n")
    tag(table, output, model=model, id_column="sku")
    with open_store(f"{output}.store") as store:
        correct(store, {"A1": 0}, "skirt", "anna")
    draw(tmp_path / "a.png", "hat")
    tag(table, output, model=model, id_column="sku")
    assert (by_file(output)["a.png"]["class"], by_file(output)["a.png"]["reviewed_by"]) == ("hat", "")
    with open_store(f"{output}.store") as store:
        change = store.history("A1")[-1]
    assert (change["before"]["reviewed_class"], change["after"]["reviewed_class"]) == ("skirt", None)
    draw(tmp_path / "a.png", "dress")
    tag(table, output, model=model, id_column="sku")
    assert (by_file(output)["a.png"]["class"], by_file(output)["a.png"]["reviewed_by"]) == ("skirt", "anna")
    with open_store(f"{output}.store") as store:
        assert undo(store, "anna").n == 1
    draw(tmp_path / "a.png", "hat")
    tag(table, output, model=model, id_column="sku")
    draw(tmp_path / "a.png", "dress")
    tag(table, output, model=model, id_column="sku")
    assert by_file(output)["a.png"]["reviewed_by"] == "", "the review was taken back"


def test_the_reviewed_photos_of_a_product_vote_for_the_persons_class(photos: Path, model: Path) -> None:
    (photos / "list.csv").write_text("sku,file,style\nA1,0.png,S\nA2,1.png,S\nA3,2.png,S\n")
    options: dict[str, Any] = {"model": model, "id_column": "sku", "product_column": "style"}
    tag(photos / "list.csv", photos / "tags.csv", **options)
    with open_store(photos / "tags.csv.store") as store:
        correct(store, {"A1": 0}, "hat", "anna")
        correct(store, {"A3": 0}, None, "anna")
    tag(photos / "list.csv", photos / "tags.csv", **options)
    (vote,) = {(one["product_class"], round(float(one["product_probability"]), 3)) for one in rows(photos / "tags.csv")}
    assert vote == ("hat", 1.0)


def test_a_folder_tagged_after_a_table_of_its_photos_leaves_their_products(
    store_url: str, photos: Path, model: Path
) -> None:
    table, options = photos / "list.csv", {"store": store_url, "model": model}

    def products() -> dict[str, tuple[str, int]]:
        with open_store(store_url) as store:
            found = store.rows_of(select(FILES.c.file, ITEMS.c.product, ITEMS.c.revision).join(ITEMS, HAS_TAG))
        return {one["file"]: (one["product"], one["revision"]) for one in found}

    table.write_text("file,style\n0.png,S\n1.png,T\n")
    tag(table, product_column="style", **options)
    tag(photos, **options)
    tag(table, product_column="style", **options)
    assert products() == {
        "0.png": ("S", 0), "copy.png": ("S", 0), "1.png": ("T", 0), "2.png": ("", 0), "3.png": ("", 0),
        "more/4.png": ("", 0),
    }  # fmt: skip
    table.write_text("file,style\n0.png,\n")
    tag(table, product_column="style", **options)
    assert products()["0.png"] == ("", 1), "the user took the product away"
    tag(photos, **options)
    assert products()["1.png"] == ("", 1), "the table does not list this photo any more"


def test_the_promoted_model_tags_by_default(photos: Path, tmp_path: Path, model: Path) -> None:
    output = tmp_path / "tags.csv"
    first = tag(photos, output, model=model)
    assert tag(photos, output).model == "photo"
    with open_store(f"{output}.store") as store:
        version = next(one.version for one in versions(store) if one.name == "colors")
        promote(store, version, "anna")
    promoted = tag(photos, output)
    assert (promoted.model, promoted.computed) == (first.model, 0)


def test_an_engine_that_is_not_installed_or_not_known(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ray'"):
        tag(photos, tmp_path / "tags.csv", engine="rays")
    with pytest.raises(UsageError, match="--engine ray"):
        tag(photos, tmp_path / "tags.csv", address="auto")
    monkeypatch.setattr("clothier.catalogue.engines.ray_engine.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'clothier\[ray\]'"):
        tag(photos, tmp_path / "tags.csv", engine="ray")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
