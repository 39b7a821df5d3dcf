"""Images that occur more than once: byte for byte, or nearly.

Near duplicates are images whose pixels correlate at :data:`NEAR_CORRELATION` or more. On Fashion-MNIST nearly all such
pairs show one photo twice, in another brightness or rescaled. Just below the threshold there are mostly different
prints on one model of shirt; from 0.99 downwards trousers that share only their outline. Shifting one image by a pixel
in any of the eight directions finds no further pair at this threshold, so shifts are not tried.

Photos are also compared with each other's mirror images: training shows a network both, so a photo and its mirrored
copy must not be in different folds, and count once as evidence. Of photos and of garments on white, no two different
ones match when one is mirrored (docs/log.md). Images of 28x28 pixels are compared as they are.

The measure is Pearson's correlation of two images' pixels, which does not depend on brightness and contrast. At 0.999,
0.2 % of one image's variance is not explained by a brighter or darker version of the other. All pairs above a
correlation are found exactly, in bounded memory.

Legend: N images, P pixels of one image, M pairs, k dimensions searched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.data.fingerprints import Fingerprints
    from clothier.types import BoolArray, Float64Array, Floats, Images, Int64Array

    Group = tuple[int, ...]

NEAR_CORRELATION = 0.999
"""Correlation from which two images of 28x28 pixels are near duplicates."""

NEAR_PHOTO_CORRELATION = 0.99
"""The same for the thumbnails of whole photos. Of 3,409 photos the most similar that are not copies reach 0.978, on one
red carpet; copies at 70 % of the size and JPEG quality 60 stay above 0.994."""

CORRELATION_GRID = (0.9999, 0.999, 0.995, 0.99)
"""Correlations at which pairs are counted, to show how much depends on the threshold."""

SEARCH_DIMENSIONS = 64  # leaves some 60 candidates per pair on Fashion-MNIST at 0.99
PCA_SAMPLE = 8192  # images that the directions are fitted on; any directions are correct, principal ones are fast
BLOCK_PRODUCTS = 1 << 25  # products at a time: at most 128 MiB of float32
VERIFY_CHUNK = 1 << 13  # candidates whose pixels are compared at a time
DISTANCE_TOLERANCE = 1e-5  # on half a squared distance; float32 errs by some 1e-6 here
MAX_PAIRS = 1_000_000  # more mean that nearly all images are the same


@dataclass(frozen=True, slots=True, eq=False)
class SimilarPairs:
    """Pairs of similar images, the most similar first.

    Attributes:
        first: (M,) int64, indices of images.
        second: (M,) int64, each greater than its ``first``.
        correlation: (M,) float64, falling.
        mirrored: (M,) bool, whether one image is compared with the mirror image of the other.
    """

    first: Int64Array
    second: Int64Array
    correlation: Float64Array
    mirrored: BoolArray

    def __len__(self) -> int:
        return len(self.first)

    @property
    def edges(self) -> Int64Array:
        """(M, 2): the two indices of each pair."""
        return np.column_stack([self.first, self.second])

    def above(self, min_correlation: float) -> SimilarPairs:
        """The pairs with a correlation of ``min_correlation`` or more."""
        kept = self.correlation >= min_correlation
        return self.subset(kept)

    def subset(self, rows: Int64Array | BoolArray) -> SimilarPairs:
        """Those at ``rows``, indices or a mask."""
        return SimilarPairs(self.first[rows], self.second[rows], self.correlation[rows], self.mirrored[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """The duplicates among N images, as indices.

    Attributes:
        exact: groups of two or more images that are equal byte for byte; indices rise.
        near: groups that near pairs connect; of exact copies only the first image is in them.
        pairs: pairs down to the last correlation of :data:`CORRELATION_GRID`, between images that differ.
        min_correlation: the correlation that makes a near pair.
    """

    exact: tuple[Group, ...]
    near: tuple[Group, ...]
    pairs: SimilarPairs
    min_correlation: float = NEAR_CORRELATION

    @property
    def near_pairs(self) -> SimilarPairs:
        """The pairs that make ``near``."""
        return self.pairs.above(self.min_correlation)

    def groups_at(self, min_correlation: float) -> tuple[Group, ...]:
        """Groups that exact copies and pairs of ``min_correlation`` or more connect."""
        copies = [(group[0], copy) for group in self.exact for copy in group[1:]]
        edges = self.pairs.above(min_correlation).edges
        return connected_groups(np.concatenate([edges, np.array(copies, np.int64).reshape(-1, 2)]))


def find_duplicates(
    images: Images,
    contents: npt.NDArray[np.uint8] | None = None,
    min_correlation: float = NEAR_CORRELATION,
    *,
    mirrored: bool = False,
) -> Duplicates:
    """Searches all pairs of N images, (N, H, W).

    Exact duplicates are equal byte for byte in ``contents``, (N, ...), such as digests of larger images; None for the
    images themselves. ``mirrored`` also finds near duplicates of mirror images.

    Raises:
        DataError: no image has any contrast, or nearly all are the same.
    """
    if not (images != images[:, :1, :1]).any():
        raise DataError(
            f"each of the {len(images):,} images has one gray level only, so there is nothing to audit. Check how the "
            "images were read."
        )
    exact = exact_duplicates(images if contents is None else contents)
    is_copy = np.zeros(len(images), bool)
    is_copy[[copy for group in exact for copy in group[1:]]] = True  # the first stands for all of its group
    originals = np.flatnonzero(~is_copy)
    found = find_similar(images[originals], CORRELATION_GRID[-1], mirrored=mirrored)
    pairs = replace(found, first=originals[found.first], second=originals[found.second])
    return Duplicates(exact, connected_groups(pairs.above(min_correlation).edges), pairs, min_correlation)


def find_photo_duplicates(fingerprints: Fingerprints) -> Duplicates:
    """The duplicates among N photos, mirrored ones too; errors as above."""
    return find_duplicates(fingerprints.thumbnails, fingerprints.digests, NEAR_PHOTO_CORRELATION, mirrored=True)


def exact_duplicates(contents: npt.NDArray[np.uint8]) -> tuple[Group, ...]:
    """Groups of indices with the same bytes in ``contents``, (N, ...) uint8; in the order of their first index."""
    indices: dict[bytes, list[int]] = {}
    for index, content in enumerate(contents):
        indices.setdefault(content.tobytes(), []).append(index)
    return tuple(tuple(group) for group in indices.values() if len(group) > 1)


def connected_groups(edges: Int64Array) -> tuple[Group, ...]:
    """Groups of indices that ``edges`` (M, 2) connect, directly or through others; in the order of their first."""
    indices, nodes = np.unique(edges, return_inverse=True)
    first, second = nodes.reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), bool), (first, second)), shape=(len(indices), len(indices)))
    groups: dict[int, list[int]] = {}
    for index, label in zip(indices.tolist(), connected_components(graph, directed=False)[1].tolist(), strict=True):
        groups.setdefault(label, []).append(index)
    return tuple(tuple(group) for group in groups.values())


def find_similar(images: Images, min_correlation: float, *, mirrored: bool = False) -> SimilarPairs:
    """All pairs of N images, (N, H, W), whose correlation is ``min_correlation`` or more.

    With ``mirrored``, of each pair the higher correlation counts: of the two images, or of one with the mirror image of
    the other.

    For images of mean 0 and length 1, half the squared distance is 1 minus the correlation. A projection never
    increases a distance, so a blocked matrix product in ``k`` dimensions finds all candidates; the lengths of the
    parts outside the ``k`` dimensions are one more coordinate. Only candidates are compared in all pixels. Images with
    one gray level have no correlation and are in no pair.

    Raises:
        DataError: more than :data:`MAX_PAIRS` pairs.
    """
    n = len(images)
    vectors = standardize(np.concatenate([images, images[:, :, ::-1]]) if mirrored else images)
    blocks: list[SimilarPairs] = []
    for left, right in _candidates(_project(vectors), min_correlation):
        once = (left < n) & ((right < n) | (right - n > left))  # mirroring both images changes nothing
        first, second = left[once], right[once]
        pairs = SimilarPairs(first, second % n, _correlations(vectors, first, second), second >= n)
        blocks.append(pairs.above(min_correlation))
        if sum(map(len, blocks)) > MAX_PAIRS:
            raise DataError(
                f"more than {MAX_PAIRS:,} pairs of {len(images):,} images correlate at {min_correlation} or more: "
                "nearly all are the same. Check how the images were read."
            )
    first = np.concatenate([block.first for block in blocks])
    second = np.concatenate([block.second for block in blocks])
    correlation = np.concatenate([block.correlation for block in blocks])
    found = SimilarPairs(first, second, correlation, np.concatenate([block.mirrored for block in blocks]))
    found = found.subset(np.lexsort((found.mirrored, second, first, -correlation)))
    _, kept = np.unique(found.edges, axis=0, return_index=True)  # a pair of symmetric images is found both ways
    return found.subset(np.sort(kept))


def standardize(images: Images) -> Floats:
    """(N, P) float32: each image minus its mean, at length 1; zeros where it has no contrast."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _project(vectors: Floats) -> Floats:
    """(N, k + 1) float32: distances between these are never greater than those between ``vectors``."""
    sample = vectors[:: -(-len(vectors) // PCA_SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    projected = vectors @ directions[:, : -SEARCH_DIMENSIONS - 1 : -1]
    outside = (vectors**2).sum(axis=1) - (projected**2).sum(axis=1)
    return np.column_stack([projected, np.sqrt(np.maximum(outside, 0))])


def _candidates(projected: Floats, min_correlation: float) -> Iterator[tuple[Int64Array, Int64Array]]:
    """Pairs that may be similar, each once and the earlier image first, block by block.

    Images are sorted along the first direction, so a block is compared only with those that are near enough in it.
    With half of each squared length in a column of its own, one product gives half the squared distance, negated.
    """
    least = min_correlation - 1 - DISTANCE_TOLERANCE
    order = np.argsort(projected[:, 0], kind="stable")
    points = projected[order]
    last = np.searchsorted(points[:, 0], points[:, 0] + np.sqrt(-2 * least), side="right")
    halves, ones = -(points**2).sum(axis=1) / 2, np.ones(len(points), np.float32)
    left, right = np.column_stack([points, ones, halves]), np.column_stack([points, halves, ones])
    rows = max(1, BLOCK_PRODUCTS // len(points))
    for start in range(0, len(points), rows):
        stop = min(start + rows, len(points))
        products = left[start:stop] @ right[start : last[stop - 1]].T
        row, column = np.divmod(np.flatnonzero(products >= least), products.shape[1])
        later = column > row
        one, other = order[row[later] + start], order[column[later] + start]
        yield np.minimum(one, other), np.maximum(one, other)


def _correlations(vectors: Floats, first: Int64Array, second: Int64Array) -> Float64Array:
    """(M,) float64, from all pixels."""
    found = np.empty(len(first))
    for start in range(0, len(first), VERIFY_CHUNK):
        part = slice(start, start + VERIFY_CHUNK)
        one, other = vectors[first[part]].astype(np.float64), vectors[second[part]].astype(np.float64)
        found[part] = np.einsum("mp,mp->m", one, other)
    return found
