"""The photos of a Parquet file: named by a column of files, or held in a column of images."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from clothier.data.photo_paths import PhotoFinder
from clothier.data.photo_sources.csv_file import check_columns, table_item
from clothier.data.photo_sources.item import DEFAULT_FILE_COLUMN, Item, fails, readable
from clothier.data.photos.decode import MAX_BYTES
from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from clothier.data.photo_sources.item import SourceColumns

BATCH = 16  # rows that are read at a time: each may hold a large photo
BYTES, PATH = "bytes", "path"  # fields of an image column of Hugging Face's datasets


class ParquetSource:
    """The rows of a Parquet file, in its order."""

    def __init__(self, path: Path, columns: SourceColumns) -> None:
        """Reads the schema.

        Raises:
            DataError: the file is damaged or unreadable, lacks a column, or it is unclear which one has the photos.
        """
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} is not a Parquet file, or is damaged: {_one_line(error)}.") from error
        self._path, self._schema = path, self._file.schema_arrow
        self._special = _find_photo_column(path, self._schema, columns)
        check_columns(path, self._schema.names, self._special)
        self._has_images = _is_image(self._schema.field(self._special.file).type)
        special = (self._special.file, self._special.item_id)
        own = [one for one in self._schema if one.name not in special]
        self.columns: Mapping[str, type] = {one.name: _python_type(one.type) for one in own if not _is_nested(one.type)}
        left_out = ", ".join(one.name for one in own if _is_nested(one.type))
        self.warnings = [f"{path}: columns that are not carried along: {left_out}."] if left_out else []
        self.name = readable(str(path.resolve()))
        self.has_products = columns.product is not None

    def __len__(self) -> int:
        """The number of rows."""
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Item]:
        """The photos of the rows.

        Raises:
            DataError: the file is damaged, or has text that is not UTF-8, or a date that Python does not have.
        """
        finder = PhotoFinder(self._path.parent)
        names = [*self.columns, *(one for one in (self._special.file, self._special.item_id) if one)]
        for number, row in enumerate(self._rows(names), 1):
            yield self._item(finder, row, f"row {number}")
        self.warnings += finder.warnings(self._path)

    def _rows(self, names: list[str]) -> Iterator[dict[str, Any]]:
        try:
            for batch in self._file.iter_batches(batch_size=BATCH, columns=names):
                yield from _as_doubles(batch).to_pylist()
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # such as a date after the year 9999
            raise DataError(
                f"{self._path} is damaged, or has a value that Python cannot hold: {_one_line(error)}. Make it again."
            ) from error

    def _item(self, finder: PhotoFinder, row: Mapping[str, Any], location: str) -> Item:
        special = self._special
        own = {name: _plain(row[name], kind) for name, kind in self.columns.items()}
        names = (special.file, special.item_id, special.product)
        texts = {name: _text(row[name]) for name in names if name and not (name == special.file and self._has_images)}
        if not self._has_images:
            return table_item(self._path, special, finder, texts, own, location)
        content, file = _image(row[special.file])
        item_id, product = (texts.get(name or "", "").strip() for name in (special.item_id, special.product))
        read: Callable[[], bytes] = partial(bytes, content)
        if special.item_id and not item_id:
            read = fails("no-id", f"{location} of {self._path} has no {special.item_id!r}. Give each photo its own.")
        elif not content:
            read = fails("empty", f"{location} of {self._path} has no image. Add it.")
        elif len(content) > MAX_BYTES:
            read = fails("too-large", f"{location} of {self._path} has {len(content)} bytes; the limit is {MAX_BYTES}.")
        key = item_id or location
        name = readable(file) if file else location
        return Item(key, name, read, "", item_id, product, own, location, held=len(content))


def _find_photo_column(path: Path, schema: Any, columns: SourceColumns) -> SourceColumns:
    """The column named, or the only one of images where none was named and there is no column ``file``."""
    images = [one.name for one in schema if _is_image(one.type)]
    if columns.file in schema.names or columns.file != DEFAULT_FILE_COLUMN:
        return columns
    if len(images) > 1:
        raise DataError(f"{path} has the images {', '.join(images)}. Choose one with --file-column.")
    return replace(columns, file=images[0]) if images else columns


def _is_image(kind: Any) -> bool:
    """Whether a column of this type holds images: bytes, or a structure with bytes."""
    if pa.types.is_struct(kind):
        return any(field.name == BYTES and _is_image(field.type) for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_nested(kind: Any) -> bool:
    return bool(pa.types.is_nested(kind) or _is_image(kind))


def _image(value: Any) -> tuple[bytes, str]:
    """The content of an image and its file name; empty where there is none."""
    fields = value if isinstance(value, dict) else {BYTES: value}
    return fields[BYTES] or b"", fields.get(PATH) or ""


def _python_type(kind: Any) -> type:
    """The type of the column in the output; what is not a number or a truth value becomes text."""
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return int
    return float if pa.types.is_floating(kind) else str


def _as_doubles(batch: Any) -> Any:
    """Numbers of single precision as people write them: 19.9, and not the nearest double, 19.899999618530273."""
    columns = [
        one.cast(pa.string()).cast(pa.float64()) if pa.types.is_float32(one.type) else one for one in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(value: Any, kind: type) -> Any:
    """A value that JSON has: no NaN, no infinity, no date."""
    if value is None or (kind is float and not math.isfinite(value)):
        return None
    return readable(str(value)) if kind is str else value


def _text(value: Any) -> str:
    return "" if value is None else readable(str(value))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
