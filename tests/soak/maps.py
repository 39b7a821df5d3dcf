"""Damaged maps: each places new images, or is refused with exit code 4, in bounded time and memory.

Changed and cut files, arrays of other values, shapes and types, odd metadata, other kinds of files, archives that lie.
``make soak`` tries 108.
"""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.data.dataset import Dataset
from clothier.exploration.embedding_map import ARRAYS, fit_map, load_map
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.soak.attempts import Soak, change_bytes, main, odd_value, replace_file
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.attempts import Random


@cache
def _content() -> bytes:
    dataset = Dataset("Drawn", FASHION_MNIST_CLASSES, draw_garments(60, 0), draw_garments(20, 1), {"train": "1"})
    return fit_map(dataset, seed=1).to_bytes()


def _arrays() -> dict[str, Any]:
    with np.load(io.BytesIO(_content())) as file:
        return dict(file)


def _write(path: Path) -> None:
    path.write_bytes(_content())


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=True, **arrays)


def _changed_bytes(path: Path, random: Random) -> str:
    change_bytes(path, random)
    return f"{path.stat().st_size} bytes"


def _changed_array_bytes(path: Path, random: Random) -> str:
    """Changed bytes of one array, with matching checksums."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    name = list(contents)[random.integers(len(contents))]
    end = 128 if random.random() < 0.6 else len(contents[name])  # the header of an array
    for at in random.integers(0, end, random.integers(1, 10)):
        contents[name][at] = random.integers(256)
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in contents.items():
            archive.writestr(one, bytes(content))
    return name


def _other_array(path: Path, random: Random) -> str:
    arrays = _arrays()
    name = ARRAYS[random.integers(len(ARRAYS))]
    array = arrays[name]
    changes: dict[str, Any] = {
        "nan": np.full_like(array, np.nan),
        "zero": np.zeros_like(array),
        "huge": np.full_like(array, np.finfo(array.dtype).max),
        "large": array * 1e6,
        "twice": np.concatenate([array, array]),
        "empty": array[:0],
        "shorter": array[:-1],
        "text": array.astype(str),
        "objects": np.array([{}, None], dtype=object),
        "complex": array.astype(complex),
        "integers": array.astype(np.int64),
        "half": array.astype(np.float16),
        "scalar": array.reshape(-1)[0],
        "reversed": array[::-1],
    }
    change = list(changes)[random.integers(len(changes))]
    _save(path, {**arrays, name: changes[change]})
    return f"{name} {change}"


def _odd_metadata(path: Path, random: Random) -> str:
    arrays = _arrays()
    metadata = json.loads(str(arrays["metadata"]))
    parents = [metadata, metadata["quality"], metadata["pca_baseline"]]
    parent = parents[random.integers(len(parents))]
    done = odd_value(parent, list(parent)[random.integers(len(parent))], random)
    _save(path, {**arrays, "metadata": np.array(json.dumps(metadata))})
    return done


def _other_file(path: Path, random: Random) -> str:
    return replace_file(path, random)


def _lying_archive(path: Path, random: Random) -> str:
    """An array whose header claims other values than there are, a bomb, a member twice, or one outside."""
    kind = ("10^13 values", "bomb", "twice", "../x.npy", "a header of 10^9 characters")[random.integers(5)]
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        if kind == "bomb":
            archive.writestr("extra.npy", bytes(1_200_000_000), compresslevel=1)
        elif kind == "../x.npy":
            archive.writestr(kind, b"x")
        else:
            shape = 10**13 if kind == "10^13 values" else 80
            header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}, 2), }}".ljust(117) + "\n"
            size = 2**32 - 1 if "header" in kind else len(header)
            content = b"\x93NUMPY\x02\x00" + size.to_bytes(4, "little") + header.encode() + bytes(640)
            _append(archive, "positions.npy", content)
    return kind


def _append(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.NameToInfo.pop(name, None)  # or it would warn
    archive.writestr(name, content)


def _place(path: Path) -> str:
    loaded = load_map(path)
    placed = loaded.transform(draw_garments(2, 5).images)
    return "place" if np.isfinite(placed).all() and placed.shape == (2, 2) else "place nowhere"


DAMAGES = (_changed_bytes, _changed_array_bytes, _other_array, _odd_metadata, _other_file, _lying_archive)
SOAK = Soak("maps", 108, _write, DAMAGES, _place, ("place",))

if __name__ == "__main__":
    main(SOAK, __doc__ or "")
