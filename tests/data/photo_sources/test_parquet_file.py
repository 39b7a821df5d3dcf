from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clothier.data.photo_sources import SourceColumns, open_source, parquet_file
from clothier.errors import DataError, ImageError

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_column_of_files(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(b"photo")
    path = write(tmp_path / "list.parquet", {"file": ["a.jpg", None], "sku": [7, 8], "style": ["S", None]})
    source = open_source(path, SourceColumns(item_id="sku", product="style"))
    first, second = source
    assert (first.key, first.item_id, first.product, first.file, first.read()) == ("7", "7", "S", "a.jpg", b"photo")
    assert (second.location, second.product, len(source)) == ("row 2", "", 2)
    with pytest.raises(ImageError, match=r"row 2 of .* has no file name"):
        second.read()


def test_single_precision_keeps_its_digits(tmp_path: Path) -> None:
    prices = pa.array([19.9, 1234.56, math.nan, None], pa.float32())
    source = open_source(write(tmp_path / "list.parquet", {"file": list("abcd"), "price": prices}))
    assert [one.columns["price"] for one in source] == [19.9, 1234.56, None, None]


@pytest.mark.parametrize("holder", ["binary", "large_binary", "hugging face"])
def test_a_column_of_images(tmp_path: Path, holder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "MAX_BYTES", 5)
    contents = [b"photo", None, b"too large"]
    values = {
        "binary": pa.array(contents, pa.binary()),
        "large_binary": pa.array(contents, pa.large_binary()),
        "hugging face": pa.array([{"bytes": one, "path": "a.jpg"} for one in contents]),
    }
    path = write(tmp_path / "photos.parquet", {"image": values[holder], "label": ["x", "y", "z"]})
    items = list(open_source(path))
    assert [item.key for item in items] == ["row 1", "row 2", "row 3"]
    assert [item.columns for item in items] == [{"label": "x"}, {"label": "y"}, {"label": "z"}]
    assert items[0].file == ("a.jpg" if holder == "hugging face" else "row 1")
    assert (items[0].read(), items[0].held, items[0].signature) == (b"photo", 5, "")
    for item, code in zip(items[1:], ["empty", "too-large"], strict=True):
        with pytest.raises(ImageError) as caught:
            item.read()
        assert caught.value.code == code


def test_columns_keep_their_types_as_far_as_json_has_them(tmp_path: Path) -> None:
    columns = {
        "file": ["a.jpg"],
        "n": pa.array([3], pa.int16()),
        "big": pa.array([2**64 - 1], pa.uint64()),
        "price": [math.nan],
        "new": [True],
        "day": [dt.date(2026, 11, 30)],
        "kind": pa.array(["x"]).dictionary_encode(),
        "tags": [["a", "b"]],
    }
    source = open_source(write(tmp_path / "list.parquet", columns))
    assert source.columns == {"n": int, "big": str, "price": float, "new": bool, "day": str, "kind": str}
    assert source.warnings == [f"{tmp_path / 'list.parquet'}: columns that are not carried along: tags."]
    (item,) = source
    expected = {"n": 3, "big": str(2**64 - 1), "price": None, "new": True, "day": "2026-11-30", "kind": "x"}
    assert item.columns == expected


def test_which_column_has_the_photos(tmp_path: Path) -> None:
    two = {"front": pa.array([b"a"]), "back": pa.array([b"b"])}
    path = write(tmp_path / "photos.parquet", two)
    with pytest.raises(DataError, match=r"has the images front, back\. Choose one with --file-column"):
        open_source(path)
    (item,) = open_source(path, SourceColumns(file="back"))
    assert item.read() == b"b"
    with pytest.raises(DataError, match="has no column 'file', only photo"):
        open_source(write(tmp_path / "list.parquet", {"photo": ["a.jpg"]}))
    with pytest.raises(DataError, match="has no column 'sku'"):
        open_source(path, SourceColumns(file="back", item_id="sku"))


def test_a_damaged_file(tmp_path: Path) -> None:
    path = write(tmp_path / "list.parquet", {"file": ["a.jpg"] * 100})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"list\.parquet is not a Parquet file, or is damaged"):
        open_source(path)


def test_a_value_that_python_cannot_hold(tmp_path: Path) -> None:
    buffers = [None, pa.py_buffer(np.array([0, 3, 4], np.int32).tobytes()), pa.py_buffer(b"a\xe9bc")]
    values = {
        "can't decode byte 0xe9": pa.Array.from_buffers(pa.string(), 2, buffers),
        "out of range": pa.array([2_932_897, 0], pa.date32()),  # 10000-01-01
    }
    for reason, column in values.items():
        path = write(tmp_path / "list.parquet", {"file": ["a.jpg", "b.jpg"], "x": column})
        with pytest.raises(DataError, match=rf"list\.parquet is damaged, or has a value .*{reason}"):
            list(open_source(path))


def test_an_id_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "photos.parquet", {"image": pa.array([b"a"]), "sku": [None]})
    (item,) = open_source(path, SourceColumns(item_id="sku"))
    with pytest.raises(ImageError, match=r"row 1 of .* has no 'sku'"):
        item.read()
