"""The photos of a store that an index holds, and a model's embeddings of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from clothier.errors import DataError
from clothier.store.checked import read_digest, read_vectors
from clothier.store.present_files import CLASS, read_present
from clothier.store.schema import ACTIONS, EMBEDDING, FILES, ITEMS, MODELS, OUTPUTS, RUNS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.store import Store
    from clothier.types import Floats

COLUMNS = (FILES.c.item_id, FILES.c.file, FILES.c.product, FILES.c.digest, CLASS, ITEMS.c.color)  # of an entry


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

    Args:
        store: of the photos.
        only_last_source: whether only the source of the last run counts.
    """
    seen: set[str] = set()
    for page in read_present(store, COLUMNS, only_last_source=only_last_source):
        for _, item_id, file, product, digest, class_name, color in page:
            if item_id not in seen:
                seen.add(item_id)
                yield Entry(item_id, file, product, class_name or "", color or "", read_digest(digest))


def stored_digest(store: Store, item_id: str) -> bytes | None:
    """SHA-256 of the content of an item's photo; None if there is no such item."""
    query = select(ITEMS.c.digest).where(ITEMS.c.item_id == item_id)
    digest = store.read(lambda connection: connection.scalar(query))
    return None if digest is None else read_digest(digest)


def runs_state(store: Store) -> tuple[int, int, str]:
    """The number of sources, and the run that finished last with its time; 0 and "" before the first.

    If they change, an index may be out of date. The number of a run that was removed with its source is used again.
    """
    sources = select(func.count()).select_from(SOURCES).scalar_subquery()
    query = select(sources, RUNS.c.run_id, RUNS.c.finished_at).where(RUNS.c.finished_at.is_not(None))
    query = query.order_by(RUNS.c.run_id.desc()).limit(1)
    found = store.read(lambda connection: connection.execute(query).first())
    return (found[0], found[1], found[2]) if found else (0, 0, "")


def last_action(store: Store) -> int:
    """The number of the last action of a reviewer, 0 before the first. Actions change the classes in an index."""
    query = select(func.coalesce(func.max(ACTIONS.c.action_id), 0))
    return store.read(lambda connection: connection.scalar(query)) or 0


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
