"""Reads a CSV that names photos: which file, what it shows, who took it.

    file,label,sender_id
    00003aeb.jpg,t-shirt,322
    00143901.jpg,,48            <- no label: outside the classes

UTF-8, with commas, semicolons or tabs; other columns are ignored. Files are looked for beside the CSV, then in
``images/`` beside it; a path from the root is taken as it is.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clothier.errors import DataError
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DELIMITERS = ",;\t"
IMAGES_DIR = "images"  # the folder beside a CSV in which its files may lie
DEFAULT_GROUP_COLUMN = "sender_id"


@dataclass(frozen=True, slots=True)
class Columns:
    """What a CSV calls its columns.

    Attributes:
        file: the photo's name or path.
        label: what it shows; empty where it is none of the classes.
        group: who took it, or whatever else makes photos alike. A CSV may lack the usual one, but not one asked for.
        subclass: a finer word for some labels, such as boot for shoes; a CSV may lack it.
    """

    file: str = "file"
    label: str = "label"
    group: str = DEFAULT_GROUP_COLUMN
    subclass: str = "footwear"


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled photo.

    Attributes:
        file: its path.
        label: "" where it is outside the classes.
        group: "" where nobody says who took it.
        location: where the row stands, as a user finds it: "line 7".
        subclass: a finer word for the label; "" where there is none.
    """

    file: str
    label: str
    group: str
    location: str
    subclass: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """The rows whose files are there, each file once; those whose files are not; and what is odd, in sentences."""

    rows: tuple[Row, ...]
    has_groups: bool = False
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()


def read_rows(path: Path, columns: Columns) -> ParsedRows:
    """Reads a CSV.

    A row whose file is missing, or that names none, is among the ``failures``. Of several rows with the same file
    the first counts; the others are noted, and whether their labels differ.

    Raises:
        DataError: the CSV is missing, unreadable, not UTF-8, without rows, or lacks a column.
    """
    names, *lines = _read_cells(path, columns.file) or [(0, [])]
    header = [name.strip() for name in names[1]]
    _check_columns(path, header, columns)
    named = [_parse_row(line, dict(zip(header, cells, strict=False)), columns) for line, cells in lines]
    if not named:
        raise DataError(f"{path} has a header and no rows below it; a row for each photo is needed.")
    located = [(row, _locate(path, row.file)) for row in named]
    rows, repeated = _deduplicate(path, [replace(row, file=file) for row, file in located if file])
    failures = tuple(_missing_file(path, row) for row, file in located if not file)
    return ParsedRows(rows, columns.group in header, failures, (*repeated, *_group_warnings(path, header, columns)))


def _read_cells(path: Path, file_column: str) -> list[tuple[int, list[str]]]:
    """Every line that is not blank: its number and its cells."""
    text = _read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, file_column))
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV: line {reader.line_num}: {error}. Save it as a CSV again.") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a CSV in UTF-8: its byte {error.start} is no character. Save it as 'CSV UTF-8'."
        ) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist. Give a CSV that names photos, or a folder with a subfolder for each class."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error


def _delimiter(text: str, file_column: str) -> str:
    """The one under which the header has the column of files; failing that, the most columns."""
    header = text.lstrip().partition("\n")[0]

    def fits(delimiter: str) -> tuple[bool, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return file_column in names, len(names)

    return max(DELIMITERS, key=fits)


def _check_columns(path: Path, header: list[str], columns: Columns) -> None:
    wanted = {"file": columns.file, "label": columns.label}
    if columns.group != DEFAULT_GROUP_COLUMN:
        wanted["group"] = columns.group
    for meaning, name in wanted.items():
        if name not in header:
            raise DataError(
                f"{path} has no column {name!r}, only {', '.join(header) or 'an empty header'}. "
                f"Name the right one with --{meaning}-column."
            )


def _parse_row(line: int, cells: dict[str, str], columns: Columns) -> Row:
    file, label, group = (cells.get(name, "").strip() for name in (columns.file, columns.label, columns.group))
    return Row(file, label, group, f"line {line}", cells.get(columns.subclass, "").strip())


def _locate(path: Path, file: str) -> str | None:
    """Where the file lies; a path from the root swallows what stands before it."""
    places = (path.parent / file, path.parent / IMAGES_DIR / file) if file and "\0" not in file else ()
    return next((str(place) for place in places if _exists(place)), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False


def _missing_file(path: Path, row: Row) -> FailedInput:
    if not row.file:
        return FailedInput(
            f"{path}, {row.location}", "not-found", f"{row.location} of {path} names no file. Fill it in."
        )
    return FailedInput(
        row.file,
        "not-found",
        f"{row.file} ({row.location} of {path}) is neither beside the CSV nor in {IMAGES_DIR}/ there. Check the path.",
    )


def _deduplicate(path: Path, rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The first row of each file, and a note for each that came again."""
    first: dict[str, Row] = {}
    notes = []
    for row in rows:
        kept = first.setdefault(row.file, row)
        if kept is not row:
            says = "" if kept.label == row.label else f", and as {row.label or 'outside'!r}"
            notes.append(
                f"{row.location} of {path} names {row.file} again{says}; what counts is {kept.location}"
                f"{f': {kept.label!r}' if says else ''}."
            )
    return tuple(first.values()), tuple(notes)


def _group_warnings(path: Path, header: list[str], columns: Columns) -> Iterator[str]:
    if columns.group not in header:
        yield f"{path} has no column {columns.group!r}: every photo counts as taken by another person."
