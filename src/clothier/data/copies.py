"""Finds copies of photos among hundreds of thousands: the same picture in another size, format or quality.

Two photos are copies if their perceptual hashes match (:mod:`clothier.data.fingerprints`) and their colors agree. The
hash sees no colors: one garment in two colors, photographed in the same way, has one hash. Of 1,000 photos in another
hue, 83 to 92 % match their original by hash, and 5 to 11 % by hash and colors: those of gray garments, where the hue
changes nothing (docs/log.md).

Every copy in a group matches the photo that is kept, not just another copy, so no chain of small differences joins two
pictures.

All pairs of matching hashes are found exactly. A hash is a point of 512 dimensions, and the squared distance of two is
the number of differing bits. In a projection on some dimensions distances can only be smaller, so one matrix product in
few dimensions names all pairs that may match, and only those are compared bit by bit.

Legend: N photos, B bins of a color histogram, D dimensions searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.data.fingerprints import MAX_DIFFERENCE, MIN_BITS, popcount
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from clothier.data.fingerprints import Hashes
    from clothier.types import BoolArray, Floats, Int64Array, Progress

    Words = npt.NDArray[np.uint64]

MIN_COLOR_SIMILARITY = 0.99
"""Cosine of two color histograms. 1,400 photos at half their size and JPEG quality 40 all reach it."""

DIMENSIONS = 62  # D; together with the two of the threshold, 64
SAMPLE = 20_000  # hashes that the projection is fitted on; any projection is correct, that of principal axes is fast
BLOCK = 1_024  # photos that are compared with all others at a time
COLUMNS = 8_192  # of the matrix product: 32 MiB of float32
TOLERANCE = 0.05  # bits; float32 errs by less
MAX_SHARE = MAX_DIFFERENCE / (2 - MAX_DIFFERENCE)  # MAX_DIFFERENCE of the bits set in either, as a share of their sum
TASK = "duplicates"


def group_copies(
    hashes: Hashes, colors: Callable[[Int64Array], Floats], *, progress: Progress = no_progress
) -> Int64Array:
    """Which photo each photo is a copy of.

    Args:
        hashes: (N, 64) uint8 of :func:`~clothier.data.fingerprints.dhash`, the photo that is best to keep first.
        colors: takes indices of n photos and returns their color histograms, (n, B) rows of length 1 or 0.
        progress: receives the number of photos.

    Returns:
        (N,) int64: the index of the photo that is kept, which is before it; a photo's own index if it is no copy.
    """
    words = np.ascontiguousarray(hashes).view(np.uint64)
    kept = np.arange(len(hashes))
    alive = np.flatnonzero(popcount(words) >= MIN_BITS)
    if not len(alive):
        return kept
    points = _Projection(hashes[alive])
    left, right = points.sides(hashes)
    n = len(alive)
    while len(alive) > 1:
        block, alive = alive[:BLOCK], alive[BLOCK:]
        candidates = dict(_candidates(words, left, right, block, alive))
        _assign(kept, candidates, colors)
        alive = alive[kept[alive] == alive]
        progress(TASK, n - len(alive), n)
    return kept


class _Projection:
    """Points in few dimensions whose distances are at most those of the hashes."""

    def __init__(self, hashes: Hashes) -> None:
        step = -(-len(hashes) // SAMPLE)
        bits = np.unpackbits(hashes[::step], axis=1).astype(np.float32)
        self._mean = bits.mean(axis=0)
        centered = bits - self._mean
        _, axes = np.linalg.eigh(centered.T @ centered)  # ascending
        self._axes = np.ascontiguousarray(axes[:, -DIMENSIONS:], np.float32)

    def sides(self, hashes: Hashes) -> tuple[Floats, Floats]:
        """Two (N, D + 2) arrays: their product is negative for pairs of photos that cannot match."""
        left = np.empty((len(hashes), DIMENSIONS + 2), np.float32)
        for start in range(0, len(hashes), SAMPLE):
            bits = np.unpackbits(hashes[start : start + SAMPLE], axis=1).astype(np.float32)
            part = left[start : start + SAMPLE]
            part[:, :-2] = 2**0.5 * ((bits - self._mean) @ self._axes)
            part[:, -2] = MAX_SHARE * bits.sum(axis=1) - (part[:, :-2] ** 2).sum(axis=1) / 2 + TOLERANCE
        left[:, -1] = 1
        right = left.copy()
        right[:, -2:] = left[:, [-1, -2]]
        return left, right


def _candidates(
    words: Words, left: Floats, right: Floats, block: Int64Array, later: Int64Array
) -> Iterator[tuple[int, Int64Array]]:
    """Each photo of the block that others match by hash, and those of them that come after it."""
    columns = np.concatenate([block, later])
    found: list[tuple[Int64Array, Int64Array]] = []
    for start in range(0, len(columns), COLUMNS):
        part = columns[start : start + COLUMNS]
        near = np.flatnonzero(left[block] @ right[part].T >= 0)  # of one dimension: several times as fast
        first, second = block[near // len(part)], part[near % len(part)]
        is_later = first < second
        first, second = first[is_later], second[is_later]
        matching = _match(words, first, second)
        found.append((first[matching], second[matching]))
    firsts, seconds = (np.concatenate([one[side] for one in found]) for side in (0, 1))
    if len(firsts):
        order = np.argsort(firsts, kind="stable")
        names, starts = np.unique(firsts[order], return_index=True)
        yield from zip(names.tolist(), np.split(seconds[order], starts[1:]), strict=True)


def _match(words: Words, first: Int64Array, second: Int64Array) -> BoolArray:
    matching = np.empty(len(first), bool)
    for start in range(0, len(first), COLUMNS):
        one, other = words[first[start : start + COLUMNS]], words[second[start : start + COLUMNS]]
        matching[start : start + COLUMNS] = popcount(one ^ other) <= MAX_DIFFERENCE * popcount(one | other)
    return matching


def _assign(kept: Int64Array, candidates: dict[int, Int64Array], colors: Callable[[Int64Array], Floats]) -> None:
    """Gives each photo to the first one that it is a copy of."""
    if not candidates:
        return
    rows = np.unique(np.concatenate([np.array(list(candidates)), *candidates.values()]))
    histograms = colors(rows)
    for row, others in candidates.items():
        if kept[row] == row:
            free = others[kept[others] == others]
            similarity = histograms[np.searchsorted(rows, free)] @ histograms[np.searchsorted(rows, row)]
            kept[free[similarity >= MIN_COLOR_SIMILARITY]] = row
