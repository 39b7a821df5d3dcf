"""Difference hashes (dhash), which recognize copies of a photo.

They are robust to scaling and JPEG compression: of 150 photos saved at 70 % of their size and quality 60, 97 % differ
in at most 16 of 256 bits, while no two different photos of 3,604 differ in fewer than 21.
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

    from clothier.types import BoolArray, Images

    Hashes = npt.NDArray[np.uint8]

ROWS, COLUMNS = 16, 17  # of the image reduced to tiles
HASH_BYTES = ROWS * (COLUMNS - 1) // 8
MAX_DISTANCE = 16  # bits in which two copies of one photo may differ
MIN_BITS = 32  # set bits of 256; photos have about half. With fewer, an image is too uniform to recognize


def dhash(images: Images) -> Hashes:
    """(N, 32) uint8 hashes of (N, H, W, 3) or (N, H, W) uint8 images."""
    hashes = np.empty((len(images), HASH_BYTES), np.uint8)
    for index, image in enumerate(images):
        tiles = np.asarray(Image.fromarray(image).convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX))
        hashes[index] = np.packbits(tiles[:, 1:] > tiles[:, :-1])
    return hashes


def matches(hashes: Hashes, training_hashes: Hashes) -> BoolArray:
    """Which of (N, 32) hashes are close to one of (M, 32) training hashes: (N,) bool; uniform images never are."""
    words, known = hashes.view(np.uint64), training_hashes.view(np.uint64)
    near = np.array([(_popcount(known ^ one) <= MAX_DISTANCE).any() for one in words], bool)
    return np.asarray(near & (_popcount(words) >= MIN_BITS))


def _popcount(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Set bits of each row of (n, 4) 64-bit words: (n,)."""
    return np.asarray(np.bitwise_count(words).sum(axis=1))


def to_bytes(hashes: Hashes) -> bytes:
    """The content of a bundle's ``training_hashes.npy``."""
    file = io.BytesIO()
    np.save(file, hashes)
    return file.getvalue()


def read_hashes(path: Path) -> Hashes:
    """Reads what :func:`to_bytes` wrote: (M, 32) uint8.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        hashes = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}. Export the bundle again.") from error
    if hashes.dtype != np.uint8 or hashes.shape[1:] != (HASH_BYTES,):
        raise ModelError(
            f"{path} has {hashes.dtype} of shape {hashes.shape} instead of hashes. Export the bundle again."
        )
    return np.asarray(hashes)
