"""Reads the arrays of a bundle's ``.npz`` files, which may come from anybody."""

from __future__ import annotations

import io
import zipfile
import zlib
from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

MAX_UNPACKED = 2**28  # bytes of a file's arrays
DAMAGE = (
    *(OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError, TokenError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise for damaged, encrypted or unknown content."""


def read_arrays(content: bytes, names: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays with these names as float32; one of :data:`DAMAGE` is raised if that cannot be done."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(one.file_size for one in archive.infolist()) > MAX_UNPACKED:
            raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], dtype=np.float32) for name in names}
