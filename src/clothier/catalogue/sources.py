"""The sources of a store: the folders, tables, ZIP files and uploads whose photos it has, and how one is removed.

What a wrong folder or an unmounted disk left is removed with its source. The photos themselves are not touched. The
history of every tag and all reviews stay, and a photo that is tagged again gets its last review back.
"""

from __future__ import annotations

import os.path
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from clothier.catalogue.removed_items import remove_unused
from clothier.data.photo_sources.item import readable
from clothier.errors import UnknownNameError, UsageError
from clothier.store.jobs import JOB_SOURCE, UNFINISHED
from clothier.store.present_files import last_runs
from clothier.store.schema import FILES, JOBS, RUNS, SOURCES
from clothier.types import no_progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from clothier.store import Store
    from clothier.types import Progress

PAGE = 1_000  # files that are removed in one transaction
TASK = "remove"
BY_PERSON = "its photos were removed from the store by {}"


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """A source.

    Attributes:
        name: as the store names it: an absolute path, or ``job`` and the id of an upload.
        photos: that its last finished run saw, or any run if none finished.
        failed: those of them that could not be read.
        tagged_at: when its last run began.
        is_finished: whether that run saw all of the source.
    """

    name: str
    photos: int
    failed: int
    tagged_at: str
    is_finished: bool

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RemovedSource:
    """What was removed.

    Attributes:
        name: of the source.
        files: that it had.
        items: photos that no other source has: they are not in the catalogue any more.
        reviewed: those of them that a person had reviewed.
    """

    name: str
    files: int
    items: int
    reviewed: int

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def list_sources(store: Store) -> list[SourceSummary]:
    """All sources, by name."""
    last = func.max(RUNS.c.run_id).label("run_id")
    newest = select(last).group_by(RUNS.c.source_id)
    query = (
        select(SOURCES.c.source_id, SOURCES.c.name, RUNS.c.started_at, RUNS.c.finished_at)
        .join(RUNS, RUNS.c.source_id == SOURCES.c.source_id)
        .where(RUNS.c.run_id.in_(newest))
        .order_by(SOURCES.c.name)
    )
    finished = dict(last_runs(store))
    found = []
    for row in store.rows_of(query):
        n, failed = store.read(partial(_count_files, source=row["source_id"], run=finished[row["source_id"]]))
        found.append(SourceSummary(row["name"], n, failed, row["started_at"], row["finished_at"] is not None))
    return found


def _count_files(connection: Connection, source: int, run: int) -> tuple[int, int]:
    query = select(func.count(), func.count(FILES.c.error_code))
    n, failed = connection.execute(query.where(FILES.c.source_id == source, FILES.c.run_id >= run)).one()
    return n, failed


def remove_source(store: Store, source: str, actor: str, *, progress: Progress = no_progress) -> RemovedSource:
    """Removes a source with its files, and the items that no other source has. No photo is deleted.

    History and reviews stay. The model's outputs stay too, so that tagging the photos again does not run the model.
    Interrupted anywhere and called again, it continues.

    Args:
        store: locked by the caller, so that nobody tags.
        source: as the store names it, or a path of it.
        actor: the person who does it.
        progress: receives the number of files.

    Raises:
        UnknownNameError: no such source.
        UsageError: the source is an upload that is not done.
        StorageError: the store cannot be written. What was removed stays so; the next call continues.
    """
    name, source_id = _find(store, source)
    store.read(partial(_check_job, name=name))
    total = store.read(lambda connection: _count_files(connection, source_id, 0))[0]
    files = items = reviewed = 0
    while page := store.write(partial(_remove_page, source=source_id, actor=actor)):
        files, items, reviewed = files + page[0], items + page[1], reviewed + page[2]
        progress(TASK, files, max(files, total))
    store.write(partial(_remove_runs, source=source_id, actor=actor))
    return RemovedSource(name, files, items, reviewed)


def _find(store: Store, source: str) -> tuple[str, int]:
    query = select(SOURCES.c.name, SOURCES.c.source_id)
    found = {one["name"]: one["source_id"] for one in store.rows_of(query)}
    path = os.path.realpath(source) if source else ""  # an empty name is not the present folder
    for name in (source, readable(path)):
        if name in found:
            return name, found[name]
    raise UnknownNameError(source, "source of this store", sorted(found))


def _check_job(connection: Connection, name: str) -> None:
    job = select(JOBS.c.status).where(JOBS.c.job_id == name.removeprefix(JOB_SOURCE))
    if name.startswith(JOB_SOURCE) and connection.scalar(job) in UNFINISHED:
        raise UsageError(f"the upload {name!r} is not done. Wait for it or cancel it, then remove it.")


def _remove_page(connection: Connection, source: int, actor: str) -> tuple[int, int, int] | None:
    """Removes some files: their number, and that of the items and reviewed items that went with them."""
    own = FILES.c.source_id == source
    query = select(FILES.c.key, FILES.c.item_id).where(own).order_by(FILES.c.key).limit(PAGE)
    rows = connection.execute(query).all()
    if not rows:
        return None
    connection.execute(delete(FILES).where(own, FILES.c.key.in_([one.key for one in rows])))
    removed = remove_unused(connection, sorted({one.item_id for one in rows if one.item_id}), f"person {actor}")
    return len(rows), len(removed), sum(one["review_id"] is not None for one in removed)


def _remove_runs(connection: Connection, source: int, actor: str) -> None:
    """Removes what is left of a source; a job whose result was removed is canceled."""
    runs = select(RUNS.c.run_id).where(RUNS.c.source_id == source)
    job = update(JOBS).where(JOBS.c.run_id.in_(runs))
    connection.execute(job.values(run_id=None, status="canceled", error=BY_PERSON.format(actor)))
    connection.execute(delete(RUNS).where(RUNS.c.source_id == source))
    connection.execute(delete(SOURCES).where(SOURCES.c.source_id == source))
