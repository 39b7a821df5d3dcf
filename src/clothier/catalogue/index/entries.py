"""The photos of a store that an index holds, and a model's embeddings of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import case, func, select

from clothier.errors import DataError
from clothier.store.checked import read_digest, read_vectors
from clothier.store.schema import EMBEDDING, FILES, ITEMS, MODELS, OUTPUTS, RUNS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from clothier.store import Store
    from clothier.types import Floats

PAGE = 1_000  # photos that are read at a time


@dataclass(frozen=True, slots=True)
class Entry:
    """A photo of the index.

    Attributes:
        item_id: its id.
        file: its name.
        product: the product's name; "" without.
        class_name: of its tag, or what a reviewer said; "" for none of the classes.
        color: its main color; "" if unknown.
        digest: SHA-256 of its content.
    """

    item_id: str
    file: str
    product: str
    class_name: str
    color: str
    digest: bytes


def model_ids(store: Store) -> dict[str, int]:
    """The numbers of the models that tagged photos of a store, by their digest."""
    rows = store.read(lambda connection: connection.execute(select(MODELS.c.digest, MODELS.c.model_id)).all())
    return {digest: int(model_id) for digest, model_id in rows}


def find_model(store: Store, digest: str, name: str) -> int:
    """The number of the model with this ``digest``.

    Raises:
        DataError: nothing was tagged with it.
    """
    models = model_ids(store)
    if digest in models:
        return models[digest]
    names = store.read(lambda connection: connection.scalars(select(MODELS.c.name).distinct()).all())
    raise DataError(
        f"{store.name} has no photos that {name} ({digest[:8]}) tagged, but of: {', '.join(sorted(names)) or 'none'}. "
        "Tag the photos with this model, or name the one that tagged them: --model"
    )


def read_entries(store: Store, *, only_last_source: bool = False) -> Iterator[Entry]:
    """The present photos of each source, each item once: of two files with one item, the first counts.

    Files that the last finished run over their source did not see are gone.

    Args:
        store: of the photos.
        only_last_source: whether only the source of the last run counts.
    """
    seen: set[str] = set()
    for source, run in last_runs(store)[-1 if only_last_source else 0 :]:
        position = -1
        while page := store.read(partial(_page, source=source, run=run, position=position)):
            for last, entry in page:
                position = last
                if entry.item_id not in seen:
                    seen.add(entry.item_id)
                    yield entry


def last_runs(store: Store) -> list[tuple[int, int]]:
    """Each source and its last finished run (0 if none finished); the source that was read last comes last."""
    finished = func.coalesce(func.max(RUNS.c.run_id).filter(RUNS.c.finished_at.is_not(None)), 0)
    query = select(RUNS.c.source_id, finished).group_by(RUNS.c.source_id).order_by(func.max(RUNS.c.run_id))
    rows = store.read(lambda connection: connection.execute(query).all())
    return [(source, run) for source, run in rows]


def _page(connection: Connection, source: int, run: int, position: int) -> list[tuple[int, Entry]]:
    columns = (FILES.c.position, FILES.c.item_id, FILES.c.file, FILES.c.product, FILES.c.digest)
    is_reviewed = ITEMS.c.review_id.is_not(None)
    name = case((is_reviewed, ITEMS.c.reviewed_class), else_=ITEMS.c["class"])
    query = (
        select(*columns, name, ITEMS.c.color)
        .join(ITEMS, ITEMS.c.item_id == FILES.c.item_id)
        .where(FILES.c.source_id == source, FILES.c.run_id >= run, FILES.c.position > position)
        .where(FILES.c.error_code.is_(None), FILES.c.digest.is_not(None))
        .order_by(FILES.c.position)
        .limit(PAGE)
    )
    return [
        (position, Entry(item_id, file, product, class_name or "", color or "", read_digest(digest)))
        for position, item_id, file, product, digest, class_name, color in connection.execute(query)
    ]


def stored_digest(store: Store, item_id: str) -> bytes | None:
    """SHA-256 of the content of an item's photo; None if there is no such item."""
    query = select(ITEMS.c.digest).where(ITEMS.c.item_id == item_id)
    digest = store.read(lambda connection: connection.scalar(query))
    return None if digest is None else read_digest(digest)


def runs_state(store: Store) -> tuple[int, int]:
    """The run that finished last, 0 before the first, and the number of sources.

    If they change, an index may be out of date.
    """
    last = select(func.coalesce(func.max(RUNS.c.run_id), 0)).where(RUNS.c.finished_at.is_not(None)).scalar_subquery()
    sources = select(func.count()).select_from(SOURCES).scalar_subquery()
    found = store.read(lambda connection: connection.execute(select(last, sources)).one())
    return found[0], found[1]


def read_embeddings(
    store: Store, model_id: int, fallback: str | None, digests: Sequence[bytes], width: int | None = None
) -> dict[bytes, Floats]:
    """The embeddings of some photos: those that are finite, and that the model's ``fallback`` did not compute.

    The model may have another name than when it computed them: a calibrated one has the same embeddings.
    ``width`` is of each embedding, if it is known; a DataError if one has another.
    """
    query = select(OUTPUTS.c.digest, OUTPUTS.c.embedding).where(
        OUTPUTS.c.model_id == model_id,
        OUTPUTS.c.computed_by.is_distinct_from(fallback),
        OUTPUTS.c.embedding.is_not(None),
        OUTPUTS.c.digest.in_([one.hex() for one in digests]),
    )
    rows = store.read(lambda connection: connection.execute(query).all())
    vectors = read_vectors([content for _, content in rows], EMBEDDING, width) if rows else ()
    found = {read_digest(digest): one for (digest, _), one in zip(rows, vectors, strict=True)}
    return {digest: one for digest, one in found.items() if np.isfinite(one).all()}  # float16 ends at 65,504
