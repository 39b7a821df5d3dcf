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

SEARCH_DIMENSIONS = (
    64  # principal directions searched first; on Fashion-MNIST some 60 candidates a pair are left at 0.99
)
PCA_SAMPLE = 8192  # pictures that the directions are found on: any directions are right, principal ones are quick
BLOCK_PRODUCTS = 1 << 25  # products at a time: 128 MiB of float32
VERIFY_CHUNK = 1 << 13  # candidates whose pixels are compared at a time
DISTANCE_TOLERANCE = (
    1e-5  # on half a squared distance; float32 errs by some 1e-6 here, and a candidate too many costs nothing
)
MAX_PAIRS = 1_000_000  # pairs; more mean that the pictures are nearly all the same


@dataclass(frozen=True, slots=True, eq=False)
class SimilarPairs:
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

    def above(self, min_correlation: float) -> SimilarPairs:
        """Those with a correlation of ``min_correlation`` or more."""
        return self.select(self.correlation >= min_correlation)

    def edges(self) -> list[tuple[int, int]]:
        """The two indices of each pair."""
        return list(zip(self.first.tolist(), self.second.tolist(), strict=True))

    def select(self, mask: Flags) -> SimilarPairs:
        """Those that ``mask``, (M,) bool, marks; their order stays."""
        return SimilarPairs(self.first[mask], self.second[mask], self.correlation[mask])


def find_similar(images: Images, min_correlation: float) -> SimilarPairs:
    """All pairs of N pictures whose correlation is ``min_correlation`` or more, none missed.

    For pictures of mean 0 and length 1, half the squared distance is 1 less the correlation. Seen from a few
    directions two pictures are never farther apart than they are, so a blocked matrix product in ``k`` dimensions
    finds candidates; what lies outside the ``k`` adds one more, the difference of the lengths left over. Only
    candidates are compared in all their pixels. Pictures of one grey have no correlation and are in no pair.

    Args:
        images: (N, H, W) uint8, one or more.
        min_correlation: above 0, up to 1.

    Raises:
        UsageError: ``min_correlation`` is no such number.
        DataError: so many pairs that the pictures must be nearly all the same.
    """
    if not 0 < min_correlation <= 1:
        raise UsageError(
            f"{min_correlation} is no correlation to search for; give a number above 0, up to 1, such as 0.999."
        )
    vectors = standardize(images)
    firsts, seconds, correlations, found = [], [], [], 0
    for candidates in _candidates(_project(vectors), min_correlation):
        correlation = _correlations(vectors, *candidates)
        kept = correlation >= min_correlation
        found += int(kept.sum())
        if found > MAX_PAIRS:
            raise DataError(
                f"more than {MAX_PAIRS:,} pairs of {len(images):,} pictures correlate at {min_correlation} or more: nearly all are "
                "the same. Look at a few of them, and at how they were read."
            )
        firsts.append(candidates[0][kept])
        seconds.append(candidates[1][kept])
        correlations.append(correlation[kept])
    return _sort_pairs(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(correlations))


def standardize(images: Images) -> Floats:
    """(N, P) float32: each picture less its mean, at length 1; zeros where it has no contrast."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _project(vectors: Floats) -> Floats:
    """(N, k + 1) float32: distances between these are never above those between ``vectors``."""
    sample = vectors[:: -(-len(vectors) // PCA_SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    seen = vectors @ directions[:, -SEARCH_DIMENSIONS:]
    left_over = (vectors**2).sum(axis=1) - (seen**2).sum(axis=1)
    return np.column_stack([seen, np.sqrt(np.maximum(left_over, 0))])


def _candidates(projected: Floats, min_correlation: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs that may be alike, each once and the earlier picture first, block by block.

    With half of each squared length in a column of its own, one product gives half the squared distance, negated.
    """
    halves, ones = -(projected**2).sum(axis=1) / 2, np.ones(len(projected), np.float32)
    left, right = np.column_stack([projected, ones, halves]), np.column_stack([projected, halves, ones])
    rows = max(1, BLOCK_PRODUCTS // len(projected))
    for start in range(0, len(projected), rows):
        products = left[start : start + rows] @ right[start:].T
        flat = np.flatnonzero(products >= min_correlation - 1 - DISTANCE_TOLERANCE)
        first, second = np.divmod(flat, len(projected) - start)
        later = second > first
        yield first[later] + start, second[later] + start


def _correlations(vectors: Floats, first: Indices, second: Indices) -> Doubles:
    """(M,) float64, from all the pixels."""
    found = np.empty(len(first))
    for start in range(0, len(first), VERIFY_CHUNK):
        part = slice(start, start + VERIFY_CHUNK)
        one, other = vectors[first[part]].astype(np.float64), vectors[second[part]].astype(np.float64)
        found[part] = np.einsum("mp,mp->m", one, other)
    return found


def _sort_pairs(first: Indices, second: Indices, correlation: Doubles) -> SimilarPairs:
    order = np.lexsort((second, first, -correlation))
    return SimilarPairs(first[order], second[order], correlation[order])
