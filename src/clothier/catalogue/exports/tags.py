"""The tags of a store, or of a table that ``clothier tag`` wrote, as rows with the headings of such a table."""

from __future__ import annotations

import copy
import csv
import json
import shlex
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import distinct, func, select

from clothier.catalogue.exports.copies import Copies, find_copies
from clothier.catalogue.items import EVERYTHING
from clothier.catalogue.reviewed_rows import with_reviews
from clothier.catalogue.rows import OUR_COLUMNS, PRODUCT_COLUMNS, USER_PREFIX
from clothier.errors import DataError, UnknownNameError
from clothier.store.jobs import JOB_SOURCE
from clothier.store.schema import FILES, HAS_TAG, ITEMS, RUNS, SOURCES
from clothier.store.store import NO_TAGS, REPLACED, RunId
from clothier.untrusted import read_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clothier.catalogue.items import ItemFilter
    from clothier.store import Store
    from clothier.store.store import Row

PRODUCT = "\0product"  # key of the product's name in each row; no heading of a table has a NUL character
OURS = {one.name: one for one in OUR_COLUMNS if one.name not in PRODUCT_COLUMNS}
OUR_NAMES = frozenset(one.name for one in OUR_COLUMNS)
REQUIRED = ("item_id", "file", "class", "decision")
MAX_LINE = 1 << 24  # characters of a line or a cell
BATCH = 1_000  # rows of a Parquet file in memory
NO_CLASS = "no class"
TEXTS = (*REQUIRED, "class_2", "class_3")
NUMBERS = ("probability", "probability_2", "probability_3")


class Tags(Protocol):
    """Rows of tags."""

    @property
    def headings(self) -> Sequence[str]:
        """Of the columns, ours and the user's."""
        ...

    @property
    def copies(self) -> Copies:
        """Rows that are left out because another source has the same photo."""
        ...

    def without_copies(self) -> Tags:
        """The same tags, in which a photo of several sources is once."""
        ...

    def __iter__(self) -> Iterator[Row]:
        """The rows: each heading to its value, and :data:`PRODUCT` to the name of the product, "" for none."""
        ...


class StoreTags:
    """The present photos of all sources of a store. A person's review takes the place of the model's tag."""

    def __init__(self, store: Store, runs: Sequence[RunId] | None = None, wanted: ItemFilter = EVERYTHING) -> None:
        """Finds the user's columns.

        Args:
            store: of the tags.
            runs: whose photos count; None for the last of each source.
            wanted: which items.

        Raises:
            DataError: the store has no tags, or the last run over a source did not finish.
        """
        self._store, self._runs = store, _last_runs(store) if runs is None else runs
        self._where = wanted.conditions()
        users = dict.fromkeys(name for run in self._runs for row in store.rows(run) for name in row["columns"])
        self._users = {name: f"{USER_PREFIX}{name}" if name in OUR_NAMES else name for name in users}
        self.headings: Sequence[str] = [*OURS, *self._users.values()]
        self.copies = Copies()

    def without_copies(self) -> StoreTags:
        """As :class:`Tags` says."""
        found = copy.copy(self)
        found.copies = find_copies(self._store, self._runs, self._where)
        return found

    def __iter__(self) -> Iterator[Row]:
        """The rows, source by source."""
        for run in self._runs:
            for row in with_reviews(self._stored(run), self._codes(run)):
                ours = {name: column.value(row) for name, column in OURS.items()}
                users = {heading: row["columns"].get(name) for name, heading in self._users.items()}
                yield {**ours, **users, PRODUCT: row["product"]}

    def _codes(self, run: RunId) -> dict[str, str]:
        """The company's code of each class, by the tags of a run: only ``clothier tag`` has the taxonomy."""
        name, code = ITEMS.c["class"], func.min(ITEMS.c.code).label("code")
        query = (
            select(name, code).join(FILES, HAS_TAG).where(FILES.c.source_id == run.source, FILES.c.run_id == run.run)
        )
        query = query.group_by(name).having(func.count(distinct(ITEMS.c.code)) == 1)
        return {one["class"]: one["code"] for one in self._store.rows_of(query)}

    def _stored(self, run: RunId) -> Iterator[Row]:
        for row in self._store.rows(run, self._where):
            if (place := (run.source, row["key"])) not in self.copies.left_out:
                yield row | self.copies.reviews.get(place, {})


def _last_runs(store: Store) -> list[RunId]:
    last = select(func.max(RUNS.c.run_id)).group_by(RUNS.c.source_id)
    query = (
        select(RUNS.c.run_id, RUNS.c.source_id, RUNS.c.model_id, RUNS.c.finished_at, SOURCES.c.name)
        .join(SOURCES, SOURCES.c.source_id == RUNS.c.source_id)
        .where(RUNS.c.run_id.in_(last))
        .order_by(RUNS.c.source_id)
    )
    runs = store.read(lambda connection: connection.execute(query).all())
    if not runs:
        raise DataError(NO_TAGS.format(store.name))
    for run in runs:
        if run.finished_at is None and not run.name.startswith(JOB_SOURCE):  # what a canceled job has tagged stays
            raise DataError(
                f"the last run of clothier tag over {run.name} did not finish. Run it again, or remove this source: "
                f"clothier sources --store STORE --remove {shlex.quote(run.name)}"
            )
    return [RunId(run.run_id, run.source_id, run.model_id) for run in runs]


class TableTags:
    """A table that ``clothier tag`` wrote: CSV, JSON Lines or Parquet."""

    def __init__(self, path: Path, product_column: str | None) -> None:
        """Reads the headings.

        Args:
            path: of the table.
            product_column: with what photos of one product have in common; None for none.

        Raises:
            DataError: it is missing, damaged, or not such a table.
            UnknownNameError: it has no such product column.
        """
        self._path, self._product, self.copies = path, product_column, Copies()
        first = next(self._read(), None)
        if first is None:
            raise DataError(f"{path} has no rows.")
        self.headings: Sequence[str] = list(first)
        if missing := [name for name in REQUIRED if name not in first]:
            raise DataError(
                f"{path} has no column {', '.join(map(repr, missing))}. Give a table of clothier tag with these "
                "columns, or its store."
            )
        if product_column is not None and product_column not in first:
            raise UnknownNameError(product_column, f"column of {path}", self.headings)

    def without_copies(self) -> TableTags:
        """Itself: a table has one source."""
        return self

    def __iter__(self) -> Iterator[Row]:
        """The rows."""
        for row in self._read(is_checked=True):
            product = row.get(self._product) if self._product else None
            yield {**row, PRODUCT: str(product or "")}

    def _read(self, *, is_checked: bool = False) -> Iterator[Row]:
        """Rows with equal headings, whose values are checked if wanted.

        Raises:
            DataError: the table is missing or damaged.
        """
        try:
            for row in _READERS.get(self._path.suffix.lower(), _read_csv)(self._path):
                if is_checked:
                    _check_row(row)
                yield row
        except OSError as error:
            raise DataError(f"{self._path} cannot be read: {error.strerror or error}. Check the path.") from error
        except (ValueError, csv.Error, pa.ArrowException, RecursionError) as error:
            raise DataError(f"{self._path} is damaged: {error}. Write it again: clothier tag") from error


def _check_row(row: Row) -> None:
    """Checks what the exports rely on.

    Raises:
        ValueError: a value is missing, or not one that ``clothier tag`` writes.
    """
    for name in TEXTS:
        if name in REQUIRED and name not in row:
            raise ValueError(f"a row has no {name!r}")
        if not isinstance(row.get(name), str | None):
            raise ValueError(f"{name!r} is {row[name]!r}, not a text")  # noqa: TRY004 - as json's own errors
    if row["class"] is not None and not (row["item_id"] and row["file"]):
        raise ValueError(f"a row of the class {row['class']!r} has no 'item_id' or no 'file'")
    for name in NUMBERS:
        value = row.get(name)
        if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
            raise ValueError(f"{name!r} is {value!r}, not a number from 0 to 1")


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE)
    with _text(path) as file:
        for row in csv.DictReader(file, strict=True):
            if None in row or None in row.values():
                raise ValueError(f"the row after {len(row)} columns has more or fewer cells than the first line")
            values = {read_cell(name): read_cell(value) or None for name, value in row.items()}
            yield {name: _number(value) if name in NUMBERS else value for name, value in values.items()}


def _number(value: str | None) -> float | None:
    return None if value is None else float(value)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with _text(path) as file:
        while line := file.readline(MAX_LINE):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line is not an object")  # noqa: TRY004 - as json's own errors
            yield row


def _read_parquet(path: Path) -> Iterator[Row]:
    with path.open("rb") as opened, pq.ParquetFile(opened) as file:
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    if not path.is_file():
        raise FileNotFoundError(2, "No such file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield file


_READERS: Mapping[str, Any] = {".jsonl": _read_jsonl, ".parquet": _read_parquet}


def is_final(row: Row) -> bool:
    """Whether a tag was accepted, or a person has said what it is."""
    return row["class"] is not None and row["decision"] == "accept"


def state(row: Row) -> str:
    """Why a tag is not final.

    ``failed``, ``no class`` where a person said so, ``replaced`` where another photo has the id now, or its decision.
    """
    if row["class"] is None and row.get("reviewed_by"):
        return NO_CLASS
    if row.get("error_code") == REPLACED:
        return REPLACED
    if row.get("error_code") or (row["class"] is None and row["decision"] is None):
        return "failed"
    return row["decision"] or "uncalibrated"
