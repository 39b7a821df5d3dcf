"""Makes an index of a store, or brings one up to date: only photos that it does not have yet are read and projected.

Legend: N photos, D dimensions of a vector.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic
from clothier.catalogue.index import graph
from clothier.catalogue.index.entries import find_model, read_embeddings, read_entries
from clothier.catalogue.index.files import (
    CARD,
    FORMAT,
    GRAPH,
    NONE,
    VECTORS,
    IndexCard,
    IndexContent,
    check_model,
    read_content,
    write_arrays,
    write_card,
)
from clothier.catalogue.index.projection import SAMPLE, fit_projection
from clothier.catalogue.index.text import TextArray
from clothier.errors import DataError
from clothier.store.present_files import PAGE
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.catalogue.index.entries import Entry
    from clothier.catalogue.index.projection import Projection
    from clothier.inference import Model
    from clothier.store import Store
    from clothier.types import Floats, Progress

REFIT_GROWTH = 4  # the projection is fitted again when the catalogue is so many times as large as when it was fitted
TASK = "index"


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """What :func:`update_index` did.

    Attributes:
        n: photos of the index.
        added: photos that it did not have before.
        removed: photos that it had and that are gone.
        without_embedding: photos of the store that are left out: the model for small images tagged them, or they were
            tagged before embeddings were stored.
        is_exact: whether a search compares all photos.
    """

    n: int
    added: int
    removed: int
    without_embedding: int
    is_exact: bool


class NoEmbeddingsError(DataError):
    """There is nothing to make an index of."""

    def __init__(self, store: str, model: str) -> None:
        """With the names of both."""
        super().__init__(f"{store} has no photos with an embedding of {model}. Tag photos with it: clothier tag")


@dataclass(frozen=True, slots=True)
class _Embedder:
    """Reads a model's embeddings from a store."""

    store: Store
    model: Model
    model_id: int

    def embeddings(self, entries: Sequence[Entry], width: int | None = None) -> dict[bytes, Floats]:
        """By the digest of the photo; some may be missing. ``width`` is of each, if it is known."""
        digests = list({one.digest for one in entries})
        pages = (digests[start : start + PAGE] for start in range(0, len(digests), PAGE))
        found: dict[bytes, Floats] = {}
        for page in pages:
            found |= read_embeddings(self.store, self.model_id, self.model.fallback_name, page, width)
            width = width or next((len(one) for one in found.values()), None)
        return found

    def fit(self, entries: Sequence[Entry]) -> Projection:
        """A projection of a sample.

        Raises:
            NoEmbeddingsError: no photo has an embedding.
        """
        found = self.embeddings(entries[:: max(1, -(-len(entries) // SAMPLE))]) or self.embeddings(entries)
        if not found:
            raise NoEmbeddingsError(self.store.name, self.model.name)
        return fit_projection(np.stack(list(found.values())))

    def project(
        self, entries: Sequence[Entry], projection: Projection, progress: Progress
    ) -> tuple[list[Entry], Floats]:
        """The entries that have an embedding, and their vectors."""
        vectors = np.empty((len(entries), projection.components.shape[1]), np.float32)
        present: list[Entry] = []
        for start in range(0, len(entries), PAGE):
            page = entries[start : start + PAGE]
            found = self.embeddings(page, projection.components.shape[0])
            with_embedding = [one for one in page if one.digest in found]
            if with_embedding:
                part = projection(np.stack([found[one.digest] for one in with_embedding]))
                vectors[len(present) : len(present) + len(part)] = part
                present += with_embedding
            progress(TASK, start + len(page), len(entries))
        return present, vectors[: len(present)]


def update_index(
    path: Path,
    store: Store,
    model: Model,
    source: str,
    *,
    only_last_source: bool = False,
    progress: Progress = no_progress,
) -> IndexUpdate:
    """Makes the index ``path`` of the photos of ``store``, or adds what is new and removes what is gone.

    Args:
        path: of the index, a folder that is replaced as a whole.
        store: with embeddings of ``model``.
        model: its embeddings are compared.
        source: as ``model`` was named, to load it again for a search.
        only_last_source: whether only the photos of the source that was tagged last count.
        progress: receives the number of photos.

    Raises:
        NoEmbeddingsError: the store has no photos with an embedding.
        DataError: ``path`` is a damaged index or of another model.
        StorageError: the index cannot be written; the old one is unchanged.
    """
    embedder = _Embedder(store, model, find_model(store, model.digest, model.name))
    old = _open_old(path, model)
    entries = list(read_entries(store, only_last_source=only_last_source))
    rows, kept, new = _split(entries, old)
    if old is None or len(entries) >= REFIT_GROWTH * old.card.fitted_on:
        projection, fitted_on, rows, kept, new = embedder.fit(entries), len(entries), [], [], entries
    else:
        projection, fitted_on = old.projection, old.card.fitted_on
    present, vectors = embedder.project(new, projection, progress)
    if not kept and not present:
        raise NoEmbeddingsError(store.name, model.name)
    card = _card(model, source, [*kept, *present], fitted_on)
    with atomic.replace_dir(path) as folder:
        merged = _write_vectors(folder, old.vectors if old else vectors, rows, vectors)
        write_arrays(folder, _content(card, projection, merged, [*kept, *present]))
        if card.n >= graph.MIN_PHOTOS:
            is_extended = old is not None and GRAPH in old.card.files and len(rows) == old.card.n
            graph.build_graph(folder / GRAPH, merged, path / GRAPH if is_extended else None, len(rows))
        write_card(folder, card)
    n_old = old.card.n if old else 0
    still = len(_split([*kept, *present], old)[1])
    return IndexUpdate(
        n=card.n,
        added=card.n - still,
        removed=n_old - still,
        without_embedding=len(new) - len(present),
        is_exact=card.n < graph.MIN_PHOTOS,
    )


def _open_old(path: Path, model: Model) -> IndexContent | None:
    if not (path / CARD).exists():
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} exists and is not an index. Name a new folder.")
        return None
    old = read_content(path)
    check_model(old, path, model.name, model.digest)
    return old


def _split(entries: Sequence[Entry], old: IndexContent | None) -> tuple[list[int], list[Entry], list[Entry]]:
    """The rows of the old index whose photo is unchanged, in order; their entries; and the other entries."""
    if old is None:
        return [], [], list(entries)
    known = {(old.item_ids[row], old.digests[row].tobytes()): row for row in range(old.card.n)}
    found = [(known.get((one.item_id, one.digest)), one) for one in entries]
    kept = sorted(((row, one) for row, one in found if row is not None), key=lambda pair: pair[0])
    return [row for row, _ in kept], [one for _, one in kept], [one for row, one in found if row is None]


def _write_vectors(folder: Path, known: Floats, rows: Sequence[int], new: Floats) -> Floats:
    """Writes some ``rows`` of the ``known`` vectors, a page at a time, and the ``new`` ones."""
    shape = (len(rows) + len(new), new.shape[1])
    merged: Floats = np.lib.format.open_memmap(folder / VECTORS, "w+", np.dtype(np.float32), shape)
    _allocate(folder / VECTORS)
    for start in range(0, len(rows), PAGE):
        page = rows[start : start + PAGE]
        merged[start : start + len(page)] = known[page]
    merged[len(rows) :] = new
    merged.flush()  # type: ignore[attr-defined]  # of a mapped array
    return merged


def _allocate(path: Path) -> None:
    """Takes the space of a new file that is mapped: on a full disk, writing to a hole of it would end the process."""
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _card(model: Model, source: str, entries: Sequence[Entry], fitted_on: int) -> IndexCard:
    return IndexCard(
        format=FORMAT,
        model=model.name,
        model_source=source,
        model_digest=model.digest,
        n=len(entries),
        fitted_on=fitted_on,
        class_names=tuple(sorted({one.class_name for one in entries} - {""})),
        color_names=tuple(sorted({one.color for one in entries} - {""})),
        files={},
    )


def _content(card: IndexCard, projection: Projection, vectors: Floats, entries: Sequence[Entry]) -> IndexContent:
    products = sorted({one.product for one in entries} - {""})
    return IndexContent(
        card,
        projection,
        vectors,
        digests=np.frombuffer(b"".join(one.digest for one in entries), np.uint8).reshape(len(entries), -1),
        classes=_codes([one.class_name for one in entries], card.class_names, np.int16),
        colors=_codes([one.color for one in entries], card.color_names, np.int16),
        products=_codes([one.product for one in entries], products, np.int32),
        item_ids=TextArray.of([one.item_id for one in entries]),
        files=TextArray.of([one.file for one in entries]),
        product_names=TextArray.of(products),
    )


def _codes(values: Sequence[str], names: Sequence[str], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    codes = {name: code for code, name in enumerate(names)}
    return np.array([codes.get(one, NONE) for one in values], kind)
