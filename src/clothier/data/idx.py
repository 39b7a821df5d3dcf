"""The IDX format of MNIST: one array in a file.

Layout (LeCun's MNIST page): two zero bytes, one byte for the element type, one for the number of dimensions, each
dimension as a big-endian uint32, then the elements in C order. Whether a file is gzipped is detected from its content.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError
from clothier.untrusted import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 640 << 20  # uncompressed; the largest set of this family, EMNIST, has 550 MB
MAX_DIMENSIONS = 32  # of a numpy array, with room to spare
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4"}
"""Code of the element type to numpy's, big-endian; floats are not supported."""

QMNIST_COLUMNS = 8  # of its int32 labels: the class, then where the digit is from


def read_uncompressed(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzipped; DataError if that cannot be read or is too large."""
    try:
        content = read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. Check the path and its permissions."
        ) from error
    return gunzip(content, str(path))


def gunzip(content: bytes, name: str) -> bytes:
    """``content``, decompressed if it is gzipped; DataError, which has ``name``, if it is damaged or too large."""
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file ({error}). Copy or download it again.") from error
    if len(unpacked) > MAX_BYTES:
        raise DataError(f"{name} unpacks to more than the limit of {MAX_BYTES} bytes. Give a part of it.")
    return unpacked


def decode(content: bytes, name: str) -> Images:
    """The writable uint8 array in an uncompressed IDX file; ``name`` is for messages.

    Raises:
        DataError: not an IDX file, values that are not 0 to 255, or too few or too many bytes.
    """
    dtype, shape, start = _header(content, name)
    expected, got = math.prod(shape) * dtype.itemsize, len(content) - start
    dimensions = " x ".join(map(str, shape))
    if got != expected:
        raise DataError(
            f"{name} is {'truncated' if got < expected else 'too long'}: its header says {dimensions} = {expected} "
            f"bytes, but {got} follow. Copy or download it again."
        )
    if 0 in shape:
        raise DataError(f"{name} is empty: its header says {dimensions}. Give a file with images or labels.")
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    if dtype == np.dtype(">i4") and shape[1:] == (QMNIST_COLUMNS,):
        values = values[:, 0]
    array = values.astype(np.uint8)
    if dtype != np.uint8 and not (values == array).all():
        raise DataError(f"{name} has values of {dtype.name} that are not 0 to 255. Convert its values to uint8.")
    return array


def _header(content: bytes, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """The element type, the dimensions, and the offset of the first element."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise DataError(
            f"{name} is not an IDX file: it starts with {content[:4].hex(' ') or 'nothing'}, uint8 data start with "
            "00 00 08 and the number of dimensions. Give a file in MNIST's format, gzipped or not."
        )
    if content[2] not in DTYPES:
        raise DataError(
            f"{name} has the element type 0x{content[2]:02x}; only integers (0x08 to 0x0c) are supported. "
            "Convert its values to uint8."
        )
    if content[3] > MAX_DIMENSIONS:
        raise DataError(f"{name} has {content[3]} dimensions; images have 3 and labels 1. Give another file.")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(
            f"{name} is truncated: its header of {start} bytes ends after {len(content)}. Copy or download it again."
        )
    return np.dtype(DTYPES[content[2]]), struct.unpack(f">{content[3]}I", content[4:start]), start
