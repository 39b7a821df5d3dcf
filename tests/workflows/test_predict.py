from __future__ import annotations

import csv
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.types import FailedInput, Prediction
from clothier.workflows.predict import PredictResult, predict
from clothier.workflows.tag import tag
from tests.color_photos import draw, draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos")


def csv_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def found_classes(result: PredictResult) -> list[tuple[str, str]]:
    return [(one.file, one.top[0].name) for one in result.predictions if isinstance(one, Prediction)]


def test_a_folder_with_its_table(photos: Path, model: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no image")
    (photos / "notes.txt").touch()
    output = photos / "tags.csv"
    for _ in range(2):  # the second time, the table is in the folder
        result = predict([photos], output=output, model=model)
    assert dict(found_classes(result))[str(photos / "more" / "4.png")] == "hat"
    assert len(result.predictions) == 7
    assert [one.code for one in result.predictions if isinstance(one, FailedInput)] == ["not-an-image"]
    assert result.warnings == (f"{photos}: not taken for photos: 1 .txt.",)
    rows = csv_rows(output)
    assert [row["file"] for row in rows] == [one.file for one in result.predictions]
    assert (rows[0]["class"], rows[0]["decision"]) == ("dress", "accept")
    (failed,) = (row for row in rows if row["error_code"])
    assert (failed["class"], failed["error_code"]) == ("", "not-an-image")
    assert "broken.jpg is not an image" in failed["error_message"]


def test_saved_inputs_are_not_photos(photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clothier.inference.model.DECODE_BATCH", 2)  # the folder exists before all photos are listed
    for _ in range(2):
        result = predict([photos], model=model, save_inputs=photos / "inputs")
        assert len(result.predictions) == 6
    assert len(list((photos / "inputs").iterdir())) == 12
    for folder in (photos, photos / "more" / ".."):
        with pytest.raises(UsageError, match="would be saved among the photos"):
            predict([photos], model=model, save_inputs=folder)


def test_tags_are_those_of_tag(photos: Path, model: Path, tmp_path: Path) -> None:
    predict([photos], output=tmp_path / "a.csv", model=model)
    tag(photos, tmp_path / "b.csv", model=model)
    ours, theirs = (csv_rows(tmp_path / name) for name in ("a.csv", "b.csv"))
    assert [row.pop("file") for row in ours] == [str(photos / row["file"]) for row in theirs]
    assert ours == [{name: row[name] for name in ours[0]} for row in theirs]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_columns_of_a_table_are_kept(photos: Path, model: Path, tmp_path: Path, suffix: str) -> None:
    source, output = photos / "shop.csv", tmp_path / f"tags{suffix}"
    source.write_text("sku,image,price\nA1,0.png,9\nA2,none.png,8\nA3,1.png,7\n", encoding="utf-8")
    result = predict(
        [source], output=output, model=model, file_column="image", columns="sku,class=kind,price,error_code"
    )
    assert found_classes(result) == [("0.png", "dress"), ("1.png", "hat")]
    read: dict[str, Callable[[], list[dict[str, Any]]]] = {
        ".csv": lambda: csv_rows(output),
        ".jsonl": lambda: [json.loads(line) for line in output.read_text().splitlines()],
        ".parquet": lambda: pq.read_table(output).to_pylist(),
    }
    rows = [{name: value or None for name, value in row.items()} for row in read[suffix]()]
    assert rows == [
        {"sku": "A1", "kind": "dress", "price": "9", "error_code": None},
        {"sku": "A2", "kind": None, "price": "8", "error_code": "not-found"},
        {"sku": "A3", "kind": "hat", "price": "7", "error_code": None},
    ]


def test_folders_archives_and_photos_in_the_order_given(photos: Path, model: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(photos / "2.png", "inside/2.png")
    names = [photos / "1.png", tmp_path / "more.zip", photos / "more", "", tmp_path / "none.png"]
    result = predict(names, model=model)
    assert found_classes(result) == [
        (str(photos / "1.png"), "hat"),
        ("inside/2.png", "skirt"),
        (str(photos / "more" / "4.png"), "hat"),
    ]
    assert [one.code for one in result.predictions[3:] if isinstance(one, FailedInput)] == ["not-found", "not-found"]


def test_what_is_refused(photos: Path, model: Path, tmp_path: Path) -> None:
    source, empty = photos / "shop.csv", tmp_path / "empty"
    source.write_text("file,class\n0.png,old\n", encoding="utf-8")
    (tmp_path / "other.csv").write_text("file,price\n0.png,1\n", encoding="utf-8")
    empty.mkdir()
    (empty / "notes.txt").touch()
    draw(tmp_path / "a.png")
    refused: list[tuple[type[Exception], str, list[Path], dict[str, Any]]] = [
        (UsageError, "two columns 'class'", [source], {"output": tmp_path / "t.csv"}),
        (UsageError, "got 2 tables", [source, tmp_path / "other.csv"], {}),
        (UsageError, "are the same", [source], {"output": source, "columns": "file"}),
        (UsageError, "--out", [photos], {"columns": "file"}),
        (UsageError, "none of the suffixes", [photos], {"output": tmp_path / "t.xlsx"}),
        (UsageError, "has no columns", [tmp_path / "a.png"], {"file_column": "image"}),
        (UnknownNameError, "'item_id' is not a column", [photos], {"output": tmp_path / "t.csv", "columns": "item_id"}),
        (DataError, "no column 'image'", [source], {"file_column": "image"}),
        (DataError, r"no photos in .*empty.*1 \.txt", [empty], {}),
    ]
    for error, message, names, options in refused:
        with pytest.raises(error, match=message):
            predict(names, model=model, **options)
    assert source.read_text(encoding="utf-8") == "file,class\n0.png,old\n"
