"""Images that occur more than once: byte for byte, or nearly.

Near duplicates are images whose pixels correlate at :data:`NEAR_CORRELATION` or more. On Fashion-MNIST nearly all such
pairs show one photo twice, in another brightness or rescaled. Just below the threshold there are mostly different
prints on one model of shirt; from 0.99 downwards trousers that share only their outline. Shifting one image by a pixel
in any of the eight directions finds no further pair at this threshold, so shifts are not tried.

Legend: N images, M pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clothier.errors import DataError
from clothier.exploration.audit.similar_pairs import SimilarPairs, find_similar

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.data.fingerprints import Fingerprints
    from clothier.types import Images, Int64Array

    Group = tuple[int, ...]

NEAR_CORRELATION = 0.999
"""Correlation from which two images of 28x28 pixels are near duplicates."""

NEAR_PHOTO_CORRELATION = 0.99
"""The same for the thumbnails of whole photos. Of 3,409 photos the most similar that are not copies reach 0.978, on one
red carpet; copies at 70 % of the size and JPEG quality 60 stay above 0.994."""

CORRELATION_GRID = (0.9999, 0.999, 0.995, 0.99)
"""Correlations at which pairs are counted, to show how much depends on the threshold."""


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
    images: Images, contents: npt.NDArray[np.uint8] | None = None, min_correlation: float = NEAR_CORRELATION
) -> Duplicates:
    """Searches all pairs of N images, (N, H, W).

    Exact duplicates are equal byte for byte in ``contents``, (N, ...), such as digests of larger images; None for the
    images themselves.

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
    found = find_similar(images[originals], CORRELATION_GRID[-1])
    pairs = SimilarPairs(originals[found.first], originals[found.second], found.correlation)
    return Duplicates(exact, connected_groups(pairs.above(min_correlation).edges), pairs, min_correlation)


def find_photo_duplicates(fingerprints: Fingerprints) -> Duplicates:
    """The duplicates among N photos; errors as above."""
    return find_duplicates(fingerprints.thumbnails, fingerprints.digests, NEAR_PHOTO_CORRELATION)


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
