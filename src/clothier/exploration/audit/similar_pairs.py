"""Every pair of pictures that are alike beyond a threshold, found exactly and within bounded memory. numpy only.

Alike means correlated: Pearson's correlation of two pictures' pixels, which neither brightness nor contrast changes.
A pair at 0.999 leaves 0.2 % of one picture's variance that the other, made brighter or darker, does not explain.

Legend: N images, P pixels of one, M pairs, k dimensions searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.types import Floats, Images

    Doubles = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

DIMENSIONS = 64  # principal directions searched first; on Fashion-MNIST some 60 candidates a pair are left at 0.99
SAMPLE = 8192  # pictures that the directions are found on: any directions are right, principal ones are quick
BLOCK = 1 << 25  # products at a time: 128 MiB of float32
CHECKED = 1 << 13  # candidates whose pixels are compared at a time
ROUNDING = 1e-5  # on half a squared distance; float32 errs by some 1e-6 here, and a candidate too many costs nothing
MOST = 1_000_000  # pairs; more mean that the pictures are nearly all the same


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of pictures that are alike, the most alike first.

    Attributes:
        first: (M,) int64, places among the N.
        second: (M,) int64, each behind its ``first``.
        correlation: (M,) float64, falling.
    """

    first: Indices
    second: Indices
    correlation: Doubles

    def __len__(self) -> int:
        """M."""
        return len(self.first)

    def above(self, least: float) -> Pairs:
        """Those with a correlation of ``least`` or more."""
        return self.where(self.correlation >= least)

    def where(self, wanted: Flags) -> Pairs:
        """Those that ``wanted``, (M,) bool, marks; their order stays."""
        return Pairs(self.first[wanted], self.second[wanted], self.correlation[wanted])


def alike_pairs(images: Images, least: float) -> Pairs:
    """All pairs of N pictures whose correlation is ``least`` or more, none missed.

    For pictures of mean 0 and length 1, half the squared distance is 1 less the correlation. Seen from a few
    directions two pictures are never farther apart than they are, so a blocked matrix product in ``k`` dimensions
    finds candidates; what lies outside the ``k`` adds one more, the difference of the lengths left over. Only
    candidates are compared in all their pixels. Pictures of one grey have no correlation and are in no pair.

    Args:
        images: (N, H, W) uint8, one or more.
        least: above 0, up to 1.

    Raises:
        UsageError: ``least`` is no such number.
        DataError: so many pairs that the pictures must be nearly all the same.
    """
    if not 0 < least <= 1:
        raise UsageError(f"{least} is no correlation to search for; give a number above 0, up to 1, such as 0.999.")
    vectors = normalised(images)
    firsts, seconds, correlations, found = [], [], [], 0
    for candidates in _candidates(_seen(vectors), least):
        correlation = _correlations(vectors, *candidates)
        kept = correlation >= least
        found += int(kept.sum())
        if found > MOST:
            raise DataError(
                f"more than {MOST:,} pairs of {len(images):,} pictures correlate at {least} or more: nearly all are "
                "the same. Look at a few of them, and at how they were read."
            )
        firsts.append(candidates[0][kept])
        seconds.append(candidates[1][kept])
        correlations.append(correlation[kept])
    return _sorted(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(correlations))


def normalised(images: Images) -> Floats:
    """(N, P) float32: each picture less its mean, at length 1; zeros where it has no contrast."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _seen(vectors: Floats) -> Floats:
    """(N, k + 1) float32: distances between these are never above those between ``vectors``."""
    sample = vectors[:: -(-len(vectors) // SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    seen = vectors @ directions[:, -DIMENSIONS:]
    left_over = (vectors**2).sum(axis=1) - (seen**2).sum(axis=1)
    return np.column_stack([seen, np.sqrt(np.maximum(left_over, 0))])


def _candidates(seen: Floats, least: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs that may be alike, each once and the earlier picture first, block by block.

    With half of each squared length in a column of its own, one product gives half the squared distance, negated.
    """
    halves, ones = -(seen**2).sum(axis=1) / 2, np.ones(len(seen), np.float32)
    left, right = np.column_stack([seen, ones, halves]), np.column_stack([seen, halves, ones])
    rows = max(1, BLOCK // len(seen))
    for start in range(0, len(seen), rows):
        products = left[start : start + rows] @ right[start:].T
        flat = np.flatnonzero(products >= least - 1 - ROUNDING)
        first, second = np.divmod(flat, len(seen) - start)
        later = second > first
        yield first[later] + start, second[later] + start


def _correlations(vectors: Floats, first: Indices, second: Indices) -> Doubles:
    """(M,) float64, from all the pixels."""
    found = np.empty(len(first))
    for start in range(0, len(first), CHECKED):
        part = slice(start, start + CHECKED)
        one, other = vectors[first[part]].astype(np.float64), vectors[second[part]].astype(np.float64)
        found[part] = np.einsum("mp,mp->m", one, other)
    return found


def _sorted(first: Indices, second: Indices, correlation: Doubles) -> Pairs:
    order = np.lexsort((second, first, -correlation))
    return Pairs(first[order], second[order], correlation[order])
