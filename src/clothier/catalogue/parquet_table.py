"""Writes rows as Parquet. The only module that writes tables and needs PyArrow."""

from __future__ import annotations

import itertools
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier.catalogue.rows import OutputColumn

GROUP = 5_000  # rows of a row group, which is held in memory
ARROW_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def write_parquet(file: IO[bytes], columns: Sequence[OutputColumn], rows: Iterable[Sequence[Any]]) -> None:
    """Writes ``rows`` into ``file``, with the names and types of ``columns``."""
    schema = pa.schema([(one.name, ARROW_TYPES[one.type]) for one in columns])
    remaining = iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in iter(lambda: list(itertools.islice(remaining, GROUP)), []):
            arrays = zip(*group, strict=True)
            writer.write_table(pa.table([pa.array(*one) for one in zip(arrays, schema.types, strict=True)], schema))
