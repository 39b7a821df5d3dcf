"""Reads a CSV of photos: file, label, and group.

    file,label,sender_id
    00003aeb.jpg,t-shirt,322
    00143901.jpg,,48            <- no label: none of the classes

The CSV is UTF-8, with commas, semicolons or tabs, or what a first line ``sep=`` says; other columns are ignored. Files
are searched beside the CSV, then in ``images/`` beside it; absolute paths are allowed.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from clothier.data.columns import DEFAULT_GROUP_COLUMN, Columns
from clothier.data.photo_paths import IMAGES_DIR, PhotoFinder
from clothier.errors import DataError
from clothier.paths import is_url, url_message
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

DELIMITERS = ",;\t"
SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?\r?(?:\n|$)', re.IGNORECASE)  # which Excel writes and heeds
NOT_CSV = ("{", "[", "<")  # JSON, XML and HTML start with these
MAX_SHOWN_COLUMNS, MAX_SHOWN_CHARS = 10, 40  # in an error
MIN_GROUPS, MIN_GROUP_SIZE, MAX_GROUP_SIZE = 5, 1.3, 50  # photos a group, mean, of a column that looks like groups
MAX_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One labeled photo.

    Attributes:
        file: its path.
        label: "" for none of the classes.
        group: "" if unknown.
        location: of the row, for messages: "line 7".
        subclass: of the label; "" if unknown.
        product: "" if unknown.
    """

    file: str
    label: str
    group: str
    location: str
    subclass: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Rows with an existing file, each file once; rows without one; and warnings, one sentence each."""

    rows: tuple[Row, ...]
    has_groups: bool = False
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()
    has_products: bool = False


def read_rows(path: Path, columns: Columns) -> ParsedRows:
    """Reads a CSV.

    Rows without an existing file are in ``failures``. Of several rows with the same file the first is used; the others
    are named in ``warnings``.

    Raises:
        DataError: the CSV is missing, unreadable, not UTF-8, has no rows, lacks a column, or none of its files exists.
    """
    header, rows = _read_table(path, columns)
    if not rows:
        raise DataError(f"{path} has a header but no rows. Add a row for each photo.")
    finder = PhotoFinder(path.parent)
    located, failures = [], []
    for row in rows:
        paths = finder.find(row.file)
        if len(paths) == 1:
            located.append(replace(row, file=str(paths[0])))
        else:
            failures.append(missing_file(path, row.file, row.location, paths))
    if not located:
        raise DataError(f"none of the {len(rows)} photos of {path} was found. The first: {failures[0].message}")
    found, warnings = _deduplicate(path, located)
    warnings += finder.warnings(path)
    ungrouped = sum(not row.group for row in found)
    if columns.group not in header:
        warnings.append(_no_groups(path, columns))
    elif ungrouped and columns.group != columns.product:
        warnings.append(f"Photos of {path} without {columns.group}: {ungrouped}. Each is treated as its own group.")
    if columns.product is not None and (single := sum(not row.product for row in found)):
        group = ", and each is treated as its own group" if columns.group == columns.product else ""
        warnings.append(f"Photos of {path} without {columns.product}: {single}. They belong to no product{group}.")
    return ParsedRows(found, ungrouped < len(found), tuple(failures), tuple(warnings), columns.product is not None)


def _read_table(path: Path, columns: Columns) -> tuple[list[str], list[Row]]:
    """The header, and every line that is not blank."""
    lines = read_cells(path, columns.file)
    header = [name.strip() for name in next(lines, (0, []))[1]]
    _check_columns(path, header, columns)
    rows = []
    for number, cells in lines:
        rows.append(_parse_row(number, dict(zip(header, cells, strict=False)), columns))
    return header, rows


def read_cells(path: Path, file_column: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank, the header first; one line at a time.

    Raises:
        DataError: the CSV is missing, unreadable or not UTF-8.
    """
    with _open_text(path) as file:
        yield from parse_cells(file, path, file_column)


def parse_cells(file: TextIO, shown: Path | str, file_column: str) -> Iterator[tuple[int, list[str]]]:
    """As :func:`read_cells`, of an open file, which messages call ``shown``.

    Raises:
        DataError: it is not a CSV, a quote is not closed, or a line has more cells than the header: ``19,90`` without
            quotes would be a price of 19.
    """
    first = _lines_to_header(file)
    text = "".join(first)
    if text.lstrip()[:1] in NOT_CSV:
        raise DataError(f"{shown} is not a CSV: it starts with {text.lstrip()[:20]!r}. Give a table of photos.")
    reader = csv.reader(itertools.chain(first, file), delimiter=_delimiter(text, file_column), strict=True)
    width = 0
    try:
        if SEPARATOR_LINE.match(text):
            next(reader)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                width = width or len(cells)
                _check_width(shown, reader.line_num, cells, width)
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"{shown} is not a CSV: line {reader.line_num}: {error}. Save it as a CSV again.") from error


def _check_width(shown: Path | str, line: int, cells: Sequence[str], width: int) -> None:
    if any(cell.strip() for cell in cells[width:]):
        raise DataError(
            f"line {line} of {shown} has {len(cells)} cells, but the header has {width}: they are shifted. "
            "Put quotes around a cell that contains the delimiter."
        )


def _lines_to_header(file: TextIO) -> list[str]:
    lines = [file.readline()]
    while lines[-1].isspace() or SEPARATOR_LINE.fullmatch(lines[-1]):
        lines.append(file.readline())
    return lines


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a file with an end, but a device or a pipe. Give a CSV of photos.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a CSV in UTF-8: line {_first_invalid_line(path)} has invalid bytes. Save it as 'CSV UTF-8'."
        ) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist. Give a CSV of photos, or a folder with a subfolder for each class."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error


def _first_invalid_line(path: Path) -> int:
    """The number of the first line that is not UTF-8; an error while decoding a stream says only where in a chunk."""
    with path.open("rb") as file:
        lines = enumerate(file, 1)
        return next((number for number, line in lines if line.decode("utf-8", "ignore").encode() != line), 1)


def _delimiter(text: str, file_column: str) -> str:
    """That of a ``sep=`` line, or with which the header has the file column, or otherwise the most columns."""
    if separator := SEPARATOR_LINE.match(text):
        return separator[1]
    header = text.lstrip().partition("\n")[0]
    names = {one: [name.strip().strip('"') for name in header.split(one)] for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: (file_column in names[one], len(names[one])))


def _check_columns(path: Path, header: list[str], columns: Columns) -> None:
    required = {"file": columns.file, "label": columns.label}
    if columns.group != DEFAULT_GROUP_COLUMN:
        required["group"] = columns.group
    if columns.product is not None:
        required["product"] = columns.product
    if missing := {meaning: name for meaning, name in required.items() if name not in header}:
        shown = ", ".join(one[:MAX_SHOWN_CHARS] for one in header[:MAX_SHOWN_COLUMNS]) or "an empty header"
        more = f" and {len(header) - MAX_SHOWN_COLUMNS} more" if len(header) > MAX_SHOWN_COLUMNS else ""
        names = " and no column ".join(map(repr, missing.values()))
        options = " and ".join(f"--{meaning}-column" for meaning in missing)
        what = "it" if len(missing) == 1 else "them"
        raise DataError(f"{path} has no column {names}, only {shown}{more}. Name {what} with {options}.")
    for name in required.values():
        if header.count(name) > 1:
            raise DataError(f"{path} has {header.count(name)} columns {name!r}. Rename or remove all but one.")


def _parse_row(line: int, cells: dict[str, str], columns: Columns) -> Row:
    names = (columns.file, columns.label, columns.group, columns.subclass, columns.product)
    file, label, group, subclass, product = (cells.get(name, "").strip() if name else "" for name in names)
    return Row(file, label, group, f"line {line}", subclass, product)


def missing_file(path: Path, file: str, location: str, candidates: Sequence[Path]) -> FailedInput:
    """Why a file that the CSV ``path`` names was not found; ``candidates`` are those that it might be."""
    place = f"{location} of {path}"
    if not file:
        return FailedInput(f"{path}, {location}", "not-found", f"{place} has no file name.")
    message = f"{file} ({place}) is neither beside the CSV nor in {IMAGES_DIR}/ there. Check the path."
    if is_url(file):
        message = url_message(file, f" ({place})")
    elif candidates:
        names = " or ".join(map(str, candidates[:2]))
        message = f"{file} ({place}) is ambiguous: it may be {names}. Write the path as it is."
    return FailedInput(file, "not-found", message)


def _no_groups(path: Path, columns: Columns) -> str:
    """That there are no groups, and the columns that look like some."""
    similar = _group_like_columns(path, columns)
    hint = f" {', '.join(similar)} may identify related photos; name one with --group-column." if similar else ""
    return f"{path} has no column {columns.group!r}: every photo is treated as its own group.{hint}"


def _group_like_columns(path: Path, columns: Columns) -> list[str]:
    """Columns with a few photos for each value, such as a product or a photographer; the finest first."""
    lines = read_cells(path, columns.file)
    header = [name.strip() for name in next(lines)[1]]
    counts: list[Counter[str]] = [Counter() for _ in header]
    n_rows = 0
    for _, cells in lines:
        n_rows += 1
        for counter, cell in zip(counts, cells, strict=False):
            counter[cell.strip()] += 1
    used = (columns.file, columns.label, columns.subclass)
    sizes = {
        name: n_rows / len(counter)
        for name, counter in zip(header, counts, strict=True)
        if name and name not in used and len(counter) >= MIN_GROUPS and counter[""] < n_rows / 2
    }
    similar = [name for name, size in sizes.items() if MIN_GROUP_SIZE <= size <= MAX_GROUP_SIZE]
    return sorted(similar, key=sizes.__getitem__)[:MAX_SUGGESTIONS]


def _deduplicate(path: Path, rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[str]]:
    """The first row of each file, and a warning for each repeated file."""
    first: dict[str, Row] = {}
    warnings = []
    for row in rows:
        used = first.setdefault(row.file, row)
        if used is not row:
            labels = f" ({used.label!r} and {row.label!r})" if used.label != row.label else ""
            warnings.append(f"{row.location} of {path} repeats {row.file}{labels}; {used.location} is used.")
    return tuple(first.values()), warnings
