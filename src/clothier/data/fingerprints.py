"""Fingerprints of photos, to recognize copies: a digest of the pixels, a gray thumbnail and a perceptual hash.

Photos are compared with each other by thumbnails, and with the photos that a model was trained on by hashes, of which
a bundle stores 64 bytes for each photo.

- *Thumbnails.* The 28x28 model input is not suitable, because trimming and sharpening make it differ between copies. Of
  50 photos saved at 70 % of their size and JPEG quality 60, model inputs find 5 (correlation 0.999 or more) and
  thumbnails 43. At 0.99, thumbnails find all 50, and no two different photos of 3,409 reach it.
- *Difference hashes (dhash).* Two of 256 bits: where an image, reduced to tiles, gets brighter to the right, and where
  downwards. On a white background most bits are 0 in all images, so the differing bits are counted relative to the set
  ones. Of 500 phone photos saved at 70 % of their size and quality 60, 99.4 % differ in at most 17 % of the bits that
  either has, and so do all copies of 690 garments on white. No two different photos match: of 3,604
  phone photos the nearest differ in 17.5 %, two T-shirts on one cloth, and of the garments on white in 20 %. The first
  256 bits alone took 23 pairs of those for the same.

A mirrored copy is recognized, too: a network is trained on photos and on their mirror images, so it is as sure of the
one as of the other. Tiles of equal brightness have a bit of 0 in both directions, so the hash of a mirror image does
not follow from the hash of the photo. Therefore the photos that are asked about are hashed both ways, and a bundle
stores one hash of each training photo. Rotated copies are not searched: on them, a model is worse than on new photos
(docs/log.md).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos import decode_image
from clothier.errors import ModelError
from clothier.types import no_progress
from clothier.untrusted import DAMAGED_ARRAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import BoolArray, Images, Progress

    Hashes = npt.NDArray[np.uint8]

DIGEST_BYTES = 32  # of SHA-256
THUMBNAIL_SIZE = 32  # pixels
TILES = 16  # of an image's side, for a perceptual hash; one more in the direction of the comparison
HASH_BYTES = 2 * TILES**2 // 8
MAX_DIFFERENCE = 0.17  # fraction of the bits set in either of two hashes that may differ between copies of one photo
MIN_BITS = 64  # set bits of 512; photos have about half. With fewer, an image is too uniform to recognize


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """Fingerprints of N files.

    Attributes:
        digests: (N, 32) uint8, SHA-256 of the decoded, upright pixels; equal for files with the same image and
            different compression.
        thumbnails: (N, 32, 32) uint8, each image in gray, stretched to a square.
    """

    digests: npt.NDArray[np.uint8]
    thumbnails: Images

    @classmethod
    def empty(cls, n: int) -> Fingerprints:
        """For N images, to be filled in by :meth:`set`."""
        return cls(np.empty((n, DIGEST_BYTES), np.uint8), np.empty((n, THUMBNAIL_SIZE, THUMBNAIL_SIZE), np.uint8))

    def set(self, row: int, image: Image.Image) -> None:
        """Fills in the fingerprints of an upright image (RGB or L)."""
        content = f"{image.mode} {image.size} ".encode() + image.tobytes()
        self.digests[row] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
        size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
        self.thumbnails[row] = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX))

    def subset(self, rows: npt.NDArray[np.integer] | BoolArray) -> Fingerprints:
        """Those of the images at ``rows``, integers or a mask."""
        return Fingerprints(self.digests[rows], self.thumbnails[rows])


def compute_fingerprints(files: Sequence[str], progress: Progress = no_progress) -> Fingerprints:
    """Reads N image files.

    Raises:
        ImageError: a file cannot be read.
    """
    found = Fingerprints.empty(len(files))
    for row, file in enumerate(files):
        found.set(row, decode_image(Path(file)))
        progress("comparing the photos", row + 1, len(files))
    return found


def dhash(images: Images) -> Hashes:
    """(N, 64) uint8 hashes of (N, H, W, 3) or (N, H, W) uint8 images."""
    return np.ascontiguousarray(dhash_both_ways(images)[:, 0])


def dhash_both_ways(images: Images) -> Hashes:
    """(N, 2, 64) uint8: the hash of each image, as :func:`dhash`, and that of its mirror image."""
    hashes = np.empty((len(images), 2, HASH_BYTES), np.uint8)
    for index, image in enumerate(images):
        gray = Image.fromarray(image).convert("L")
        wide = np.asarray(gray.resize((TILES + 1, TILES), Image.Resampling.BOX))
        high = np.asarray(gray.resize((TILES, TILES + 1), Image.Resampling.BOX))
        hashes[index] = _pack(wide, high), _pack(wide[:, ::-1], high[:, ::-1])
    return hashes


def _pack(wide: Images, high: Images) -> Hashes:
    """(64,): where tiles get brighter to the right, and where downwards."""
    return np.packbits([wide[:, 1:] > wide[:, :-1], high[1:] > high[:-1]])


def matches(hashes: Hashes, training_hashes: Hashes) -> BoolArray:
    """Which of N photos are copies of one of M training photos, mirrored or not: (N,) bool.

    Uniform images never are.

    Args:
        hashes: (N, 2, 64), of :func:`dhash_both_ways`.
        training_hashes: (M, 64), of :func:`dhash`.
    """
    words, known = hashes.view(np.uint64).reshape(-1, HASH_BYTES // 8), training_hashes.view(np.uint64)
    near = [(popcount(known ^ one) <= MAX_DIFFERENCE * popcount(known | one)).any() for one in words]
    is_copy = np.array(near, bool) & (popcount(words) >= MIN_BITS)
    return np.asarray(is_copy.reshape(-1, 2).any(axis=1))


def hash_difference(one: bytes, other: bytes) -> float:
    """Fraction of the bits set in either of two hashes that differ, 0 to 1."""
    first, second = (np.frombuffer(content, np.uint64)[np.newaxis] for content in (one, other))
    return float(popcount(first ^ second)[0] / max(1, popcount(first | second)[0]))


def popcount(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Set bits of each row of (n, 8) 64-bit words: (n,) uint64."""
    return np.asarray(np.bitwise_count(words).sum(axis=1))


def to_bytes(hashes: Hashes) -> bytes:
    """The content of a bundle's file of hashes."""
    file = io.BytesIO()
    np.save(file, hashes)
    return file.getvalue()


def read_hashes(content: bytes, path: Path) -> Hashes:
    """Reads what :func:`to_bytes` wrote: (M, 64) uint8; ``path`` is for messages.

    Raises:
        ModelError: the content is damaged.
    """
    try:
        hashes = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except DAMAGED_ARRAYS as error:
        raise ModelError(f"{path} is damaged: {error}. Export the bundle again.") from error
    if hashes.dtype != np.uint8 or hashes.shape[1:] != (HASH_BYTES,):
        raise ModelError(
            f"{path} has {hashes.dtype} of shape {hashes.shape} instead of hashes. Export the bundle again."
        )
    return np.ascontiguousarray(hashes)
