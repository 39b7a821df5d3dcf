"""Finds the photos of an index that are most like another: exactly, or with a graph of neighbors in large indexes.

The score is the cosine of two vectors, 1 for the same photo. Two unrelated photos have around 0; in an index of fewer
than 1,000 photos, from which no mean is subtracted, around 0.5.

Legend: N photos, D dimensions of a vector, E of a descriptor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.catalogue.index.files import GRAPH, MAKE_AGAIN, NONE, check_model, read_content
from clothier.catalogue.index.filters import Filters
from clothier.catalogue.index.graph import open_graph
from clothier.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clothier.catalogue.index.files import IndexCard, IndexContent
    from clothier.catalogue.index.text import TextArray
    from clothier.inference import Model
    from clothier.types import BoolArray, Floats, Int64Array

NO_FILTERS = Filters()
CANDIDATES = 4  # the graph is asked for so many times as many photos as are wanted, and they are compared exactly
MIN_CANDIDATES = 64
MAX_SCORE = 1.001  # of vectors of length 1, with rounding


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A similar photo.

    Attributes:
        item_id: its id.
        file: its name.
        score: cosine, -1 to 1.
        class_name: of its tag, or what a reviewer said; None for none of the classes.
        product: its product; None without.
        color: its main color; None if unknown.
    """

    item_id: str
    file: str
    score: float
    class_name: str | None
    product: str | None
    color: str | None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"item_id": self.item_id, "file": self.file, "score": self.score}


class Index:
    """An open index. Several threads may search at once."""

    def __init__(self, path: Path) -> None:
        """Opens the folder ``path``.

        Raises:
            DataError: it is not an index, damaged, or of another version.
        """
        self.path = path
        self._content: IndexContent = read_content(path)
        self._graph = open_graph(path / GRAPH, self._content.vectors.shape) if GRAPH in self.card.files else None

    def __len__(self) -> int:
        return self.card.n

    @property
    def card(self) -> IndexCard:
        """What the index says about itself."""
        return self._content.card

    def check_model(self, model: Model) -> None:
        """Checks that embeddings of ``model`` can be compared with those of the index.

        Raises:
            DataError: the index was made with another model.
        """
        check_model(self._content, self.path, model.name, model.digest)

    def has_product(self, digest: bytes) -> bool:
        """Whether a photo with this content (SHA-256) is in the index and has a product."""
        return bool((self._content.products[self._rows_of(digest)] != NONE).any())

    def search(
        self, descriptor: Floats, top: int, *, digest: bytes | None = None, filters: Filters = NO_FILTERS
    ) -> list[Neighbor]:
        """The photos that are most like the one with this ``descriptor``, best first; of equal ones, the earlier first.

        Args:
            descriptor: (E,), with an embedding of the index's model (:mod:`clothier.catalogue.descriptors`).
            top: how many at most, 1 or more.
            digest: SHA-256 of the photo's content, which is left out of the result; None to leave out nothing.
            filters: which photos count.

        Raises:
            UsageError: ``top`` is less than 1, or the descriptor is not finite.
            UnknownNameError: a filter names a class, color or product that is not in the index.
            DataError: the index is damaged.
        """
        if not np.isfinite(descriptor).all():
            raise UsageError("the descriptor has values that are not finite numbers, so nothing is like it.")
        (vector,) = self._content.projection(descriptor[None])
        return self.search_vector(vector, top, digest=digest, filters=filters)

    def search_vector(
        self, vector: Floats, top: int, *, digest: bytes | None = None, filters: Filters = NO_FILTERS
    ) -> list[Neighbor]:
        """As :meth:`search`, for a projected vector (D,) of length 1."""
        if top < 1:
            raise UsageError(f"top is {top}; it must be 1 or more.")
        own = self._rows_of(digest) if digest else np.empty(0, np.int64)
        allowed = self._allowed(own, filters)
        is_filtered = filters != NO_FILTERS and filters != Filters(one_per_product=True)
        if self._graph is None or is_filtered:
            ranked = self._rank_all(vector, allowed, top, filters.one_per_product)
        else:
            ranked = self._rank_candidates(vector, allowed, top, filters.one_per_product)
        return [self._neighbor(row, score) for row, score in ranked]

    def _rows_of(self, digest: bytes) -> Int64Array:
        """Photos with this content."""
        words = self._content.digests[:, :8].reshape(-1).view(np.uint64)
        near = np.flatnonzero(words == np.frombuffer(digest[:8], np.uint64)[0])
        same = (self._content.digests[near] == np.frombuffer(digest, np.uint8)).all(axis=1)
        return np.asarray(near[same], np.int64)

    def _allowed(self, own: Int64Array, filters: Filters) -> BoolArray:
        """(N,) bool: the photos that pass the filters, without those in the rows ``own``."""
        content = self._content
        allowed = np.ones(len(self), bool)
        if filters.class_name is not None:
            allowed &= content.classes == _code(filters.class_name, "class of this index", self.card.class_names)
        if filters.color is not None:
            allowed &= content.colors == _code(filters.color, "color of this index", self.card.color_names)
        if filters.product is not None:
            names = [content.product_names[row] for row in range(len(content.product_names))]
            allowed &= content.products == _code(filters.product, "product of this index", names)
        if filters.other_products:
            products = content.products[own]
            allowed &= ~np.isin(content.products, products[products != NONE])
        allowed[own] = False
        return allowed

    def _rank_all(self, vector: Floats, allowed: BoolArray, top: int, one_per_product: bool) -> list[tuple[int, float]]:
        """Compares all photos."""
        scores = np.where(allowed, self._checked(self._content.vectors @ vector), -np.inf)
        wanted = min(top, int(allowed.sum()))
        while True:
            best = np.argpartition(scores, len(scores) - wanted)[-wanted:] if 0 < wanted < len(scores) else None
            rows = np.flatnonzero(allowed) if best is None else best
            found = self._take(rows, scores[rows], top, one_per_product)
            if len(found) == min(top, wanted) or wanted >= allowed.sum():
                return found
            wanted = min(8 * wanted, int(allowed.sum()))

    def _rank_candidates(
        self, vector: Floats, allowed: BoolArray, top: int, one_per_product: bool
    ) -> list[tuple[int, float]]:
        """Compares the photos that the graph proposes; more of them until there are enough."""
        n_candidates = max(CANDIDATES * top, MIN_CANDIDATES)
        while True:
            rows = self._graph.search(vector, n_candidates)  # type: ignore[union-attr]  # the caller has checked
            rows = rows[allowed[rows]]
            found = self._take(rows, self._checked(self._content.vectors[rows] @ vector), top, one_per_product)
            if len(found) == top or n_candidates >= len(self):
                return found
            n_candidates *= 8

    def _checked(self, scores: Floats) -> Floats:
        if not (np.abs(scores) <= MAX_SCORE).all():  # also False for NaN
            raise DataError(f"the index {self.path} is damaged: vectors are not of length 1. {MAKE_AGAIN}")
        return scores

    def _take(self, rows: Int64Array, scores: Floats, top: int, one_per_product: bool) -> list[tuple[int, float]]:
        """The best ``top`` of some rows."""
        order = np.lexsort((rows, -scores))
        ranked = zip(rows[order].tolist(), scores[order].tolist(), strict=True)
        return list(_first(self._first_of_products(ranked) if one_per_product else ranked, top))

    def _first_of_products(self, ranked: Iterator[tuple[int, float]]) -> Iterator[tuple[int, float]]:
        seen: set[int] = set()
        for row, score in ranked:
            product = int(self._content.products[row])
            if product == NONE or product not in seen:
                seen.add(product)
                yield row, score

    def _neighbor(self, row: int, score: float) -> Neighbor:
        content = self._content
        return Neighbor(
            content.item_ids[row],
            content.files[row],
            score,
            _name(content.classes[row], self.card.class_names),
            _name(content.products[row], content.product_names),
            _name(content.colors[row], self.card.color_names),
        )


def open_index(path: Path) -> Index:
    """Opens an index.

    Raises:
        DataError: it is missing, damaged or of another version.
    """
    return Index(path)


def _first(ranked: Iterator[tuple[int, float]], top: int) -> Iterator[tuple[int, float]]:
    for _, one in zip(range(top), ranked, strict=False):
        yield one


def _code(name: str, kind: str, names: Sequence[str]) -> int:
    if name not in names:
        raise UnknownNameError(name, kind, names)
    return names.index(name)


def _name(code: Any, names: Sequence[str] | TextArray) -> str | None:
    return None if code == NONE else names[int(code)]
