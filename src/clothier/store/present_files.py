"""The files that each source of a store has now: those without an error that its last finished run saw."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from clothier.store.schema import FILES, HAS_TAG, ITEMS, RUNS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

    from clothier.store import Store

PAGE = 1_000  # photos that are read at a time
CLASS = case((ITEMS.c.review_id.is_not(None), ITEMS.c.reviewed_class), else_=ITEMS.c["class"])
"""Of the review of an item if there is one, else of the model."""
LAST_FINISHED = func.coalesce(func.max(RUNS.c.run_id).filter(RUNS.c.finished_at.is_not(None)), 0).label("run_id")
"""Of the runs of a source; 0 if none finished."""


def read_present(
    store: Store, columns: Sequence[ColumnElement[Any]], *, only_last_source: bool = False
) -> Iterator[Sequence[Sequence[Any]]]:
    """Pages of the present files, source by source and in its order: their position, then ``columns``.

    Args:
        store: of the photos.
        columns: of files, items and sources.
        only_last_source: whether only the source of the last run counts.
    """
    for source, run in last_runs(store)[-1 if only_last_source else 0 :]:
        position = -1
        while page := store.read(partial(_page, columns=columns, source=source, run=run, position=position)):
            yield page
            position = page[-1][0]


def last_runs(store: Store) -> list[tuple[int, int]]:
    """Each source and its last finished run (0 if none finished); the source that was read last comes last."""
    query = select(RUNS.c.source_id, LAST_FINISHED).group_by(RUNS.c.source_id).order_by(func.max(RUNS.c.run_id))
    rows = store.read(lambda connection: connection.execute(query).all())
    return [(source, run) for source, run in rows]


def _page(
    connection: Connection, columns: Sequence[ColumnElement[Any]], source: int, run: int, position: int
) -> Sequence[Sequence[Any]]:
    query = (
        select(FILES.c.position, *columns)
        .join(ITEMS, HAS_TAG)
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .where(FILES.c.source_id == source, FILES.c.run_id >= run, FILES.c.position > position)
        .where(FILES.c.error_code.is_(None), FILES.c.digest.is_not(None))
        .order_by(FILES.c.position)
        .limit(PAGE)
    )
    return connection.execute(query).all()
