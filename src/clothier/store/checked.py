"""Checks the values of a store when they are read.

SQLite keeps any value in any column, and a file may be damaged, edited or from somebody else. Without a check, a wrong
type would end somewhere else, as an internal error.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import TypeDecorator

from clothier.data.photos.formats import SIGNATURES
from clothier.data.photos.histogram import N_BINS
from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Dialect, MetaData
    from sqlalchemy.types import TypeEngine

MAX_SHOWN = 40  # characters of a value in a message
MAX_INTEGER = 2**63  # of SQLite's and PostgreSQL's integers


class CheckedType(TypeDecorator[Any]):
    """A type of a column whose values are accepted, or a DataError names the column."""

    cache_ok = True

    def __init__(self, impl: TypeEngine[Any], column: str, accepts: Callable[[Any], bool]) -> None:
        self.impl = impl
        self.column, self.accepts = column, accepts

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """``value``, if it is one that Clothier writes."""
        if value is None or self.accepts(value):
            return value
        raise DataError(
            f"the store is damaged: {self.column} has {repr(value)[:MAX_SHOWN]}, which Clothier does not write. "
            "Restore a backup."
        )

    def copy(self, **_: Any) -> CheckedType:
        """SQLAlchemy's way to copy a type."""
        return CheckedType(self.impl_instance.copy(), self.column, self.accepts)


def check_columns(metadata: MetaData, shapes: Mapping[str, Callable[[Any], bool]]) -> None:
    """Makes all columns check their values: by their type, or by what ``shapes`` says of ``table.column``."""
    for table in metadata.tables.values():
        for column in table.c:
            if not column.foreign_keys:  # else SQLAlchemy takes the type of the column that it refers to
                name = f"{table.name}.{column.name}"
                column.type = CheckedType(column.type, name, shapes.get(name) or _CHECKS[column.type.python_type])


def parse_json(text: str) -> Any:
    """A JSON value of a store; a DataError if it is none, nested too deeply, or has a number that is not finite."""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"the store is damaged: {repr(text)[:MAX_SHOWN]} is not JSON. Restore a backup.") from error


def read_vectors(contents: Sequence[bytes], kind: npt.DTypeLike, width: int | None = None) -> npt.NDArray[Any]:
    """(N, D) numbers of numpy's type ``kind`` from N values of a column; DataError if their sizes differ.

    ``width`` is the expected D; None for any.
    """
    sizes = sorted({len(one) for one in contents})
    expected = sizes[0] if width is None else width * np.dtype(kind).itemsize
    if sizes != [expected] or expected % np.dtype(kind).itemsize:
        raise DataError(
            f"the store is damaged: it has model outputs of {', '.join(map(str, sizes))} bytes instead of {expected}. "
            "Restore a backup."
        )
    return np.frombuffer(b"".join(contents), kind).reshape(len(contents), -1)


def read_digest(text: str) -> bytes:
    """A SHA-256 from a column; DataError if it is none."""
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise DataError(f"the store is damaged: {text[:MAX_SHOWN]!r} is not a SHA-256. Restore a backup.") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < MAX_INTEGER


def _is_number(value: Any) -> bool:
    return type(value) in (float, int) and math.isfinite(value)


_CHECKS: Mapping[type, Callable[[Any], bool]] = {
    str: lambda value: type(value) is str,
    bytes: lambda value: type(value) is bytes,
    bool: lambda value: type(value) is bool,
    int: _is_integer,
    float: _is_number,
    object: lambda value: type(value) is dict,  # JSON; a list has its own shape
}
"""By the Python type of a column's type."""


def is_ranking(value: Any) -> bool:
    """Whether it is a list of pairs of a class and its probability."""
    return type(value) is list and all(
        type(one) is list and len(one) == 2 and type(one[0]) is str and _is_number(one[1]) for one in value
    )


def is_color_list(value: Any) -> bool:
    """Whether it is a list of colors with their name, value and share."""
    return type(value) is list and all(type(one) is dict and _is_color(**one) for one in value)


def _is_color(name: Any = None, hex: Any = None, share: Any = None, **_: Any) -> bool:  # noqa: A002 - as in the store
    return type(name) is type(hex) is str and _is_number(share)


def is_jpeg(value: Any) -> bool:
    """Whether it begins as a JPEG: pages send it to browsers as one."""
    return type(value) is bytes and SIGNATURES.get(value[:3]) == "JPEG"


def is_descriptor(value: Any) -> bool:
    """Whether it is an embedding with a histogram of colors behind it."""
    return type(value) is bytes and len(value) >= N_BINS * np.dtype(np.float16).itemsize
