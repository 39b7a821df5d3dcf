"""Which kind of source a path is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.catalogue.sources.csv_file import CsvSource
from clothier.catalogue.sources.folder import FolderSource, check_folder
from clothier.catalogue.sources.item import SourceColumns
from clothier.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from clothier.catalogue.sources.item import Source

DEFAULT_COLUMNS = SourceColumns()


def open_source(path: Path, columns: SourceColumns = DEFAULT_COLUMNS, excluded: Collection[Path] = ()) -> Source:
    """Opens a source of photos.

    Args:
        path: a folder or a CSV.
        columns: of a table.
        excluded: files in a folder that are not photos.

    Raises:
        UsageError: columns of a folder, or something else than a folder or a file.
        DataError: it is missing, unreadable or lacks a column.
    """
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:  # such as a name that is too long
        raise DataError(f"{str(path)!r} cannot be opened: {error.strerror}. Check the path.") from error
    if not exists:
        raise DataError(f"{str(path)!r} does not exist. Give a folder of photos, or a CSV with a column of files.")
    if is_folder:
        _check_has_no_columns(path, columns)
        check_folder(path)
        return FolderSource(path, excluded)
    if not path.is_file():  # a device or a pipe would be read for ever
        raise UsageError(f"{path} is neither a folder nor a file.")
    return CsvSource(path, columns)


def _check_has_no_columns(path: Path, columns: SourceColumns) -> None:
    if columns != DEFAULT_COLUMNS:
        raise UsageError(f"{path} has no columns. Give a CSV, or leave out the options that name columns.")
