"""Writes rows as CSV, JSON Lines or Parquet: one at a time, and the file appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from clothier import atomic
from clothier.errors import UsageError
from clothier.untrusted import disarm_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from clothier.catalogue.rows import OutputColumn
    from clothier.store.store import Row

CSV_SUFFIX = ".csv"
SUFFIXES = (CSV_SUFFIX, ".jsonl", ".parquet")


class _Writer(Protocol):
    def __call__(self, file: IO[bytes], columns: Sequence[OutputColumn], rows: Iterable[Sequence[Any]]) -> None: ...


def check_output(path: Path) -> None:
    """Checks that a table can be written to ``path``, before hours of work.

    Raises:
        UsageError: its suffix is not one of a table's, or it is a folder.
        StorageError: it cannot be written.
        ModuleNotFoundError: it is a Parquet file, and PyArrow is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"the output {path} has none of the suffixes {', '.join(SUFFIXES)}. Rename it.")
    _writer(path.suffix.lower())
    if path.is_dir():
        raise UsageError(f"the output {path} is a folder. Give the name of a file, such as {path / 'tags.csv'}.")
    atomic.check_writable(path)


def write_table(path: Path, columns: Sequence[OutputColumn], rows: Iterable[Row], suffix: str | None = None) -> None:
    """Writes a table in the format of its suffix, or in that of another ``suffix``.

    Raises:
        StorageError: it cannot be written; an older file at ``path`` is unchanged.
    """
    values = ([column.value(row) for column in columns] for row in rows)
    with atomic.atomic_open(path) as file:
        _writer(suffix or path.suffix.lower())(file, columns, values)


def _write_csv(file: IO[bytes], columns: Sequence[OutputColumn], rows: Iterable[Sequence[Any]]) -> None:
    """UTF-8, commas, empty cells for None; cells that a spreadsheet would execute are disarmed."""
    with text_file(file) as text:
        writer = csv.writer(_UnixLines(text))
        writer.writerow([disarm_cell(one.name) for one in columns])
        writer.writerows([disarm_cell(value) for value in row] for row in rows)


def _write_jsonl(file: IO[bytes], columns: Sequence[OutputColumn], rows: Iterable[Sequence[Any]]) -> None:
    names = [one.name for one in columns]
    for row in rows:
        line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)
        file.write(line.encode() + b"\n")


def _writer(suffix: str) -> _Writer:
    """What writes a table with this suffix."""
    if suffix == ".parquet":  # here, so that CSV and JSON Lines do not need PyArrow
        from clothier.catalogue.parquet_table import write_parquet

        return write_parquet
    return _write_csv if suffix == CSV_SUFFIX else _write_jsonl


class _UnixLines:
    """Rows end with a line feed. The csv module must not know it: it would leave carriage returns in cells bare."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def write(self, row: str) -> None:
        self._text.write(row.removesuffix("\r\n") + "\n")


@contextmanager
def text_file(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """UTF-8 text into a binary file, which stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield text
    finally:
        text.detach()  # flushes; atomic_open closes the file
