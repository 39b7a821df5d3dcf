"""The IDX format of MNIST and its kin: a magic number, the dimensions, then the bytes of one array.

Layout (LeCun's MNIST page): two zero bytes, one byte for the element type, one for the number of dimensions,
each dimension as a big-endian uint32, then the elements in C order. Files may be gzipped; what a file is,
its content says, not its name.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from clothier import atomic
from clothier.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images

GZIP_MAGIC = b"\x1f\x8b"
UINT8 = 0x08
ELEMENT_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: Path) -> Images:
    """Reads one IDX file, gzipped or not.

    Returns:
        A writable uint8 array of the dimensions that the file states.

    Raises:
        DataError: no such file, or not a whole IDX file of uint8; the sentence names the file.
    """
    return decode(read_uncompressed(path), str(path))


def write_idx(path: Path, array: Images) -> None:
    """Writes a uint8 array as IDX, whole or not at all; gzipped when ``path`` ends in ``.gz``.

    Equal arrays give equal files: the gzip header holds neither time nor name.

    Raises:
        DataError: the array is not uint8, or has no dimension or more than 255.
        StorageError: the disk refused.
    """
    content = encode(array)
    atomic.write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def read_uncompressed(path: Path) -> bytes:
    """The bytes of a file, gunzipped if they are gzipped.

    Raises:
        DataError: the file is missing, unreadable, or its gzip stream is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. Give a folder whose files exist and may be read."
        ) from error
    return gunzip(content, str(path))


def gunzip(content: bytes, name: str) -> bytes:
    """``content`` as it is, or gunzipped if it is gzipped; ``name`` is for the sentence.

    Raises:
        DataError: the gzip stream is damaged.
    """
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{name} is a damaged gzip file ({error}); a whole one is needed. Copy or fetch it again."
        ) from error


def encode(array: Images) -> bytes:
    """The bytes of ``array`` as an uncompressed IDX file.

    Raises:
        DataError: the array is not uint8, or has no dimension or more than 255.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise DataError(
            f"got an array of {array.dtype} with {array.ndim} dimensions; IDX files hold uint8 of 1 to 255 "
            "dimensions here. Convert it first."
        )
    header = struct.pack(f">HBB{array.ndim}I", 0, UINT8, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


def decode(content: bytes, name: str) -> Images:
    """The array in an uncompressed IDX file; ``name`` is for the sentences.

    Raises:
        DataError: wrong magic, element type other than uint8, too few or too many bytes.
    """
    shape, start = _header(content, name)
    expected, got = math.prod(shape), len(content) - start
    dimensions = " x ".join(map(str, shape))
    if got < expected:
        raise DataError(
            f"{name} is truncated: its header promises {dimensions} = {expected} bytes and {got} follow. "
            "Copy or fetch it again."
        )
    if got > expected:
        raise DataError(
            f"{name} is too long: its header promises {dimensions} = {expected} bytes "
            f"and {got} follow. Copy or fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _header(content: bytes, name: str) -> tuple[tuple[int, ...], int]:
    """The dimensions and the place of the first element."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in ELEMENT_TYPES or content[3] == 0:
        raise DataError(
            f"{name} is not an IDX file: it begins with {content[:4].hex(' ') or 'nothing'}, and uint8 data begin "
            "with 00 00 08 and the number of dimensions. Give the file in MNIST's format, gzipped or not."
        )
    if content[2] != UINT8:
        raise DataError(
            f"{name} holds {ELEMENT_TYPES[content[2]]} elements; only uint8 can be taken. "
            "Convert its values to 0..255 and write them as uint8."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(
            f"{name} is truncated: its header of {start} bytes ends after {len(content)}. Copy or fetch it again."
        )
    return struct.unpack(f">{content[3]}I", content[4:start]), start
