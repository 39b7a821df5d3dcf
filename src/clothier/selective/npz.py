"""Reads the arrays of a bundle's ``.npz`` files, which may come from anybody."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

MAX_UNPACKED = 2**28  # bytes of a file's arrays


def read_arrays(content: bytes, names: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays with these names as float32; one of ``DAMAGED_ARRAYS`` is raised if that cannot be done."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(one.file_size for one in archive.infolist()) > MAX_UNPACKED:
            raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], dtype=np.float32) for name in names}


def check_arrays(arrays: Mapping[str, npt.NDArray[np.float32]], shapes: Iterable[tuple[int, ...]]) -> None:
    """Raises ValueError if an array is empty or not finite, or has another shape than the one of ``shapes``."""
    for (name, array), shape in zip(arrays.items(), shapes, strict=True):
        if array.shape != shape or 0 in shape:
            raise ValueError(f"{name} has the shape {array.shape}, the model needs {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
