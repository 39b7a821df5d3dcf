from __future__ import annotations

from pathlib import Path

import pytest

from clothier.data.photo_sources import SourceColumns, open_source
from clothier.errors import DataError, ImageError, UsageError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    for name in ("a.jpg", "images/b.jpg"):
        (path.parent / name).parent.mkdir(exist_ok=True)
        (path.parent / name).write_bytes(name.encode())
    return path


def test_rows_with_their_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "sku;file;style;color\nA1;a.jpg;S1;red\n\nA2;b.jpg;S1;\n")
    source = open_source(path, SourceColumns(item_id="sku", product="style"))
    assert source.columns == {"style": str, "color": str}
    assert len(source) == 2
    first, second = source
    assert (first.key, first.file, first.item_id, first.product) == ("A1", "a.jpg", "A1", "S1")
    assert first.columns == {"style": "S1", "color": "red"}
    assert (first.read(), second.read()) == (b"a.jpg", b"images/b.jpg")
    assert first.signature
    assert second.location == "line 4"


def test_without_ids_the_file_is_the_key(tmp_path: Path) -> None:
    (item,) = open_source(write(tmp_path / "list.csv", "file\na.jpg\n"))
    assert (item.key, item.item_id) == ("a.jpg", "")


@pytest.mark.parametrize(
    ("row", "code"), [("A1,missing.jpg", "not-found"), ("A1,", "not-found"), (",a.jpg", "no-id"), ("A1", "not-found")]
)
def test_a_row_without_a_photo_fails_alone(tmp_path: Path, row: str, code: str) -> None:
    (item,) = open_source(write(tmp_path / "list.csv", f"sku,file\n{row}\n"), SourceColumns(item_id="sku"))
    with pytest.raises(ImageError) as caught:
        item.read()
    assert caught.value.code == code
    assert "line 2" in str(caught.value)


def test_nul_in_a_cell_is_escaped(tmp_path: Path) -> None:
    (item,) = open_source(write(tmp_path / "list.csv", "file,note\na.jpg,x\0y\n"))
    assert item.columns == {"note": "x\\x00y"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.jpg,19,90\n", "line 2 of .* has 3 cells, but the header has 2"),
        ('a.jpg,"1\nb.jpg,2\n', "line 3: unexpected end of data"),
    ],
)
def test_shifted_cells_and_a_quote_without_an_end_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    source = open_source(write(tmp_path / "list.csv", f"file,price\n{rows}"))
    with pytest.raises(DataError, match=message):
        list(source)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", SourceColumns(), "no column 'file', only an empty header"),
        ("photo\na.jpg\n", SourceColumns(), r"no column 'file', only photo\. Name it with --file-column"),
        ("file\na.jpg\n", SourceColumns(item_id="sku"), "no column 'sku', only file. Name it with --id-column"),
        ("file,x,x\n", SourceColumns(), "has the column 'x' twice"),
        ("file,x\n\xff", SourceColumns(item_id="file", product="y"), "no column 'y'"),
    ],
)
def test_a_table_that_lacks_something(tmp_path: Path, text: str, columns: SourceColumns, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(write(tmp_path / "list.csv", text), columns)


def test_not_a_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv' does not exist"):
        open_source(tmp_path / "nothing.csv")
    with pytest.raises(UsageError, match="null is neither a folder nor a file"):
        open_source(Path("/dev/null"))
    with pytest.raises(UsageError, match="has no columns"):
        open_source(tmp_path, SourceColumns(item_id="sku"))
    with pytest.raises(DataError, match="cannot be opened"):
        open_source(tmp_path / ("a" * 300))
    (tmp_path / "photo.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="not a CSV in UTF-8"):
        open_source(tmp_path / "photo.csv")
