"""The IDX format of MNIST: one array in a file.

Layout (LeCun's MNIST page): two zero bytes, one byte for the element type, one for the number of dimensions, each
dimension as a big-endian uint32, then the elements in C order. Whether a file is gzipped is detected from its content.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images

GZIP_MAGIC = b"\x1f\x8b"
UINT8 = 0x08  # the code of the element type


def read_uncompressed(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzipped; DataError if that cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. Check the path and its permissions."
        ) from error
    return gunzip(content, str(path))


def gunzip(content: bytes, name: str) -> bytes:
    """``content``, decompressed if it is gzipped; DataError, which has ``name``, if it is damaged."""
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file ({error}). Copy or download it again.") from error


def decode(content: bytes, name: str) -> Images:
    """The writable uint8 array in an uncompressed IDX file; ``name`` is for messages.

    Raises:
        DataError: not an IDX file, another element type than uint8, or too few or too many bytes.
    """
    shape, start = _header(content, name)
    expected, got = math.prod(shape), len(content) - start
    if got != expected:
        dimensions = " x ".join(map(str, shape))
        raise DataError(
            f"{name} is {'truncated' if got < expected else 'too long'}: its header says {dimensions} = {expected} "
            f"bytes, but {got} follow. Copy or download it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _header(content: bytes, name: str) -> tuple[tuple[int, ...], int]:
    """The dimensions, and the offset of the first element."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise DataError(
            f"{name} is not an IDX file: it starts with {content[:4].hex(' ') or 'nothing'}, uint8 data start with "
            "00 00 08 and the number of dimensions. Give a file in MNIST's format, gzipped or not."
        )
    if content[2] != UINT8:
        raise DataError(
            f"{name} has the element type 0x{content[2]:02x}; only uint8 (0x08) is supported. "
            "Convert its values to uint8."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(
            f"{name} is truncated: its header of {start} bytes ends after {len(content)}. Copy or download it again."
        )
    return struct.unpack(f">{content[3]}I", content[4:start]), start
