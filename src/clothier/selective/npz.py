"""Reads the arrays of a bundle's ``.npz`` files, which may come from anybody."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

MAX_UNPACKED = 2**28  # bytes of a file's arrays


def read_arrays(content: bytes, names: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays with these names as float32; one of ``DAMAGED_ARRAYS`` is raised if that cannot be done."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(one.file_size for one in archive.infolist()) > MAX_UNPACKED:
            raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], dtype=np.float32) for name in names}
