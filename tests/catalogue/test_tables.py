from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clothier.catalogue import parquet_table
from clothier.catalogue.rows import OutputColumn
from clothier.catalogue.tables import check_output, write_table
from clothier.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [OutputColumn(name, kind, lambda row, name=name: row[name]) for name, kind in (("a", str), ("b", float))]
ROWS = [{"a": "é,\n", "b": 0.1}, {"a": None, "b": None}]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".PARQUET"])
def test_values_are_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep/tags{suffix}"
    check_output(path)
    write_table(path, COLUMNS, ROWS)
    assert (pq.read_table(path).to_pylist() if suffix == ".PARQUET" else read(path)) == ROWS
    assert list(path.parent.iterdir()) == [path]


def test_csv(tmp_path: Path) -> None:
    write_table(tmp_path / "tags.csv", COLUMNS, ROWS)
    with (tmp_path / "tags.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["é,\n", "0.1"], ["", ""]]


@pytest.mark.parametrize("cell", ["=1+1", "+SUM(A1)", "-A1", "@x", "\tx", "=cmd|' /C calc'!A0"])
def test_a_spreadsheet_does_not_execute_a_cell(tmp_path: Path, cell: str) -> None:
    write_table(tmp_path / "tags.csv", COLUMNS, [{"a": cell, "b": -1.0}])
    with (tmp_path / "tags.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1] == [f"'{cell}", "-1.0"]


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", 'a"b', " a ", "a,b", ""])
def test_cells_that_need_quotes(tmp_path: Path, cell: str) -> None:
    write_table(tmp_path / "tags.csv", COLUMNS, [{"a": cell, "b": 1.0}])
    with (tmp_path / "tags.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [[cell, "1.0"]]


@pytest.mark.parametrize("cell", ["-12.5", "+49", "A=1", "a-b"])
def test_other_cells_stay_as_they_are(tmp_path: Path, cell: str) -> None:
    write_table(tmp_path / "tags.csv", COLUMNS, [{"a": cell, "b": None}])
    assert f"\n{cell}," in (tmp_path / "tags.csv").read_text()


def test_parquet_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_table, "GROUP", 2)
    write_table(tmp_path / "tags.parquet", COLUMNS, ({"a": str(n), "b": None} for n in range(5)))
    found = pq.ParquetFile(tmp_path / "tags.parquet")
    assert (found.num_row_groups, found.metadata.num_rows) == (3, 5)
    assert found.schema_arrow == pa.schema([("a", pa.string()), ("b", pa.float64())])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_no_rows(tmp_path: Path, suffix: str) -> None:
    write_table(tmp_path / f"tags{suffix}", COLUMNS, [])
    assert (tmp_path / f"tags{suffix}").exists()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_an_error_half_way_leaves_the_old_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tags{suffix}"
    path.write_text("old")

    def rows() -> Any:
        yield ROWS[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(path, COLUMNS, rows())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.file_size(20_000)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_full_disk(tmp_path: Path, suffix: str) -> None:
    import os

    rows = ({"a": os.urandom(50).hex(), "b": None} for _ in range(2_000))
    with pytest.raises(StorageError, match=f"cannot write .*tags{suffix}"):
        write_table(tmp_path / f"tags{suffix}", COLUMNS, rows)
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"tags\.xls has none of the suffixes \.csv, \.jsonl, \.parquet"):
        check_output(tmp_path / "tags.xls")
    with pytest.raises(UsageError, match="is a folder"):
        check_output(tmp_path / "folder.csv")
    with pytest.raises(StorageError, match="cannot write"):
        check_output(tmp_path / "file/tags.csv")
