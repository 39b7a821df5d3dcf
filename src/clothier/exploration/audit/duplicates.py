"""Pictures that are there more than once: byte for byte, or nearly.

Near duplicates are pictures that correlate at :data:`NEAR` or more. On Fashion-MNIST nearly all pairs above it show one
photograph twice, in another brightness or rescaled; just below it stand mostly different prints on one model of shirt,
among a few doubles, and from 0.99 downwards trousers that share nothing but their outline. Moving one picture by a
pixel in any of the eight directions finds no further pair at this threshold, so that is not tried.

Legend: N images, M pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError
from clothier.exploration.audit.similar_pairs import SimilarPairs, find_similar

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from clothier.types import Images

    Group = tuple[int, ...]

NEAR_CORRELATION = 0.999
"""Correlation from which on two pictures of 28x28 pixels are near duplicates."""

NEAR_PHOTO_CORRELATION = 0.99
"""The same for whole photographs made small. Of 3,409 photos the most alike that are not copies reach 0.978, on one
red carpet; copies at 70 % of the size and JPEG quality 60 stay above 0.994."""

CORRELATION_GRID = (0.9999, 0.999, 0.995, 0.99)
"""Correlations at which pairs are counted, so that a reader sees what the choice among them decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """What is there more than once.

    Attributes:
        exact: groups of two or more places, each rising, whose pictures are the same byte for byte.
        near: groups of two or more places that near pairs connect; exact copies of their pictures are not in them.
        pairs: near pairs and looser ones, down to the last of :data:`LOOSE`, between pictures that differ.
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
        """Groups that exact copies and pairs of ``min_correlation`` or more connect; ``min_correlation`` is no lower than the pairs go."""
        pairs = self.pairs.above(min_correlation)
        copies = ((group[0], other) for group in self.exact for other in group[1:])
        return connected_components([*zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), *copies])


def find_duplicates(
    images: Images, contents: npt.NDArray[np.uint8] | None = None, min_correlation: float = NEAR_CORRELATION
) -> Duplicates:
    """Searches all pairs of N pictures.

    Args:
        images: (N, H, W) uint8, where likeness is looked for.
        contents: (N, ...) uint8, what must be equal byte for byte in an exact duplicate, such as digests of larger
            pictures; None for ``images`` themselves.
        min_correlation: the correlation that makes a near pair, one of :data:`LOOSE`.

    Raises:
        DataError: no picture has any contrast, or nearly all are the same.
    """
    if not (images != images[:, :1, :1]).any():
        raise DataError(
            f"each of the {len(images):,} pictures is of one grey, without any contrast; there is nothing to audit. "
            "Look at how they were read."
        )
    exact = exact_duplicates(images if contents is None else contents)
    copies = np.zeros(len(images), bool)
    copies[[place for group in exact for place in group[1:]]] = True  # the first stands for all of its group
    originals = np.flatnonzero(~copies)
    found = find_similar(images[originals], CORRELATION_GRID[-1])
    pairs = SimilarPairs(originals[found.first], originals[found.second], found.correlation)
    near = pairs.above(min_correlation)
    return Duplicates(
        exact, connected_components(zip(near.first.tolist(), near.second.tolist(), strict=True)), pairs, min_correlation
    )


def exact_duplicates(contents: npt.NDArray[np.uint8]) -> tuple[Group, ...]:
    """Groups of places with the same bytes in ``contents``, (N, ...) uint8; in the order of their first place."""
    places: dict[bytes, list[int]] = {}
    for place, content in enumerate(contents):
        places.setdefault(content.tobytes(), []).append(place)
    return tuple(tuple(group) for group in places.values() if len(group) > 1)


def connected_components(edges: Iterable[tuple[int, int]]) -> tuple[Group, ...]:
    """Groups of places that ``edges`` connect, directly or through others; in the order of their first place."""
    leads: dict[int, int] = {}

    def lead(place: int) -> int:
        while leads.setdefault(place, place) != place:
            leads[place] = leads[leads[place]]  # halves the way for whoever comes next
            place = leads[place]
        return place

    for one, other in edges:
        first, second = sorted((lead(one), lead(other)))
        leads[second] = first
    groups: dict[int, list[int]] = {}
    for place in sorted(leads):
        groups.setdefault(lead(place), []).append(place)
    return tuple(tuple(group) for group in groups.values())
