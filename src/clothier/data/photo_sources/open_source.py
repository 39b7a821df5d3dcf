"""Which kind of source a path is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.data.photo_sources.archive import ZipSource
from clothier.data.photo_sources.csv_file import CsvSource
from clothier.data.photo_sources.folder import FolderSource, check_folder
from clothier.data.photo_sources.item import SourceColumns
from clothier.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from clothier.data.photo_sources.item import Source

DEFAULT_COLUMNS = SourceColumns()
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")  # of one with files, and of an empty one
PARQUET_SIGNATURE = b"PAR1"


def open_source(path: Path, columns: SourceColumns = DEFAULT_COLUMNS, excluded: Collection[Path] = ()) -> Source:
    """Opens a source of photos.

    Args:
        path: a folder, a ZIP or Parquet file, which are known by their content, or a CSV.
        columns: of a table.
        excluded: files and folders in a folder that are not photos.

    Raises:
        UsageError: columns of a folder or a ZIP file, or neither a folder nor a file.
        DataError: it is missing, unreadable or lacks a column.
        ModuleNotFoundError: it is a Parquet file, and PyArrow is not installed.
    """
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:  # such as a name that is too long
        raise DataError(f"{str(path)!r} cannot be opened: {error.strerror}. Check the path.") from error
    if not exists:
        raise DataError(
            f"{str(path)!r} does not exist. Give a folder of photos, a ZIP file, or a table with a column of files."
        )
    if is_folder:
        check_has_no_columns(path, columns)
        check_folder(path)
        return FolderSource(path, excluded)
    if not path.is_file():  # a device or a pipe would be read for ever
        raise UsageError(f"{path} is neither a folder nor a file.")
    signature = _first_bytes(path)
    if signature in ZIP_SIGNATURES:
        check_has_no_columns(path, columns)
        return ZipSource(path)
    if signature == PARQUET_SIGNATURE:  # imported here, so that the other sources do not need PyArrow
        from clothier.data.photo_sources.parquet_file import ParquetSource

        return ParquetSource(path, columns)
    return CsvSource(path, columns)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error


def check_has_no_columns(path: Path, columns: SourceColumns) -> None:
    """Checks that no column was named for photos that have none.

    Raises:
        UsageError: one was.
    """
    if columns != DEFAULT_COLUMNS:
        raise UsageError(f"{path} has no columns. Give a table, or leave out the options that name columns.")
