"""Reads a CSV of photos: file, label, and group.

    file,label,sender_id
    00003aeb.jpg,t-shirt,322
    00143901.jpg,,48            <- no label: none of the classes

The CSV is UTF-8, with commas, semicolons or tabs; other columns are ignored. Files are searched beside the CSV, then in
``images/`` beside it; absolute paths are allowed.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clothier.errors import DataError
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DELIMITERS = ",;\t"
IMAGES_DIR = "images"  # a folder beside the CSV that is searched too
DEFAULT_GROUP_COLUMN = "sender_id"


@dataclass(frozen=True, slots=True)
class Columns:
    """The column names of a CSV.

    Attributes:
        file: the photo's name or path.
        label: its class; empty for none of the classes.
        group: what related photos have in common, such as the photographer. The default column is optional.
        subclass: a subclass of some labels, such as boot for shoes; optional.
    """

    file: str = "file"
    label: str = "label"
    group: str = DEFAULT_GROUP_COLUMN
    subclass: str = "footwear"

    @property
    def group_name(self) -> str:
        """What a group is, in words: ``photographer`` for the default column, otherwise the column's name."""
        return "photographer" if self.group == DEFAULT_GROUP_COLUMN else self.group


@dataclass(frozen=True, slots=True)
class Row:
    """One labeled photo.

    Attributes:
        file: its path.
        label: "" for none of the classes.
        group: "" if unknown.
        location: of the row, for messages: "line 7".
        subclass: of the label; "" if unknown.
    """

    file: str
    label: str
    group: str
    location: str
    subclass: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Rows with an existing file, each file once; rows without one; and warnings, one sentence each."""

    rows: tuple[Row, ...]
    has_groups: bool = False
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()


def read_rows(path: Path, columns: Columns) -> ParsedRows:
    """Reads a CSV.

    Rows without an existing file are in ``failures``. Of several rows with the same file the first is used; the others
    are named in ``warnings``.

    Raises:
        DataError: the CSV is missing, unreadable, not UTF-8, has no rows, or lacks a column.
    """
    header, rows = _read_table(path, columns)
    if not rows:
        raise DataError(f"{path} has a header but no rows. Add a row for each photo.")
    located = [(row, _locate(path, row.file)) for row in rows]
    found, warnings = _deduplicate(path, [replace(row, file=file) for row, file in located if file])
    failures = tuple(_missing_file(path, row) for row, file in located if not file)
    if columns.group not in header:
        warnings.append(f"{path} has no column {columns.group!r}: every photo is treated as its own group.")
    return ParsedRows(found, columns.group in header, failures, tuple(warnings))


def _read_table(path: Path, columns: Columns) -> tuple[list[str], list[Row]]:
    """The header, and every line that is not blank."""
    text = _read_text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text, columns.file), restval="")
    try:
        header = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        _check_columns(path, header, columns)
        return header, [
            Row(
                cells[columns.file].strip(),
                cells[columns.label].strip(),
                cells.get(columns.group, "").strip(),
                f"line {reader.line_num}",
                cells.get(columns.subclass, "").strip(),
            )
            for cells in reader
            if any(cell.strip() for name, cell in cells.items() if name is not None)
        ]
    except csv.Error as error:
        raise DataError(
            f"{path} is not a CSV: line {reader.reader.line_num}: {error}. Save it as a CSV again."
        ) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not a CSV in UTF-8: byte {error.start} is invalid. Save it as 'CSV UTF-8'."
        ) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist. Give a CSV of photos, or a folder with a subfolder for each class."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from error


def _delimiter(text: str, file_column: str) -> str:
    """The delimiter with which the header has the file column, or otherwise the most columns."""
    header = text.lstrip().partition("\n")[0]

    def fits(delimiter: str) -> tuple[bool, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return file_column in names, len(names)

    return max(DELIMITERS, key=fits)


def _check_columns(path: Path, header: list[str], columns: Columns) -> None:
    required = {"file": columns.file, "label": columns.label}
    if columns.group != DEFAULT_GROUP_COLUMN:
        required["group"] = columns.group
    for meaning, name in required.items():
        if name not in header:
            raise DataError(
                f"{path} has no column {name!r}, only {', '.join(header) or 'an empty header'}. "
                f"Name it with --{meaning}-column."
            )


def _locate(path: Path, file: str) -> str | None:
    """The path of the file, if it exists; joining an absolute path gives that path."""
    candidates = (path.parent / file, path.parent / IMAGES_DIR / file) if file and "\0" not in file else ()
    return next((str(one) for one in candidates if _exists(one)), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # name too long, or no permission
        return False


def _missing_file(path: Path, row: Row) -> FailedInput:
    if not row.file:
        return FailedInput(f"{path}, {row.location}", "not-found", f"{row.location} of {path} has no file name.")
    return FailedInput(
        row.file,
        "not-found",
        f"{row.file} ({row.location} of {path}) is neither beside the CSV nor in {IMAGES_DIR}/ there. Check the path.",
    )


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
