"""The sources of a store: the folders, tables, ZIP files and uploads whose photos it has, and how one is removed.

What a wrong folder or an unmounted disk left is removed with its source. The photos themselves are not touched. The
history of every tag and all reviews stay, and a photo that is tagged again gets its last review back.
"""

from __future__ import annotations

import os.path
import shlex
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, distinct, exists, func, or_, select, update

from clothier.catalogue.removed_items import remove_unused
from clothier.data.photo_sources.item import readable
from clothier.errors import UnknownNameError, UsageError
from clothier.store.jobs import JOB_SOURCE, UNFINISHED
from clothier.store.present_files import LAST_FINISHED, last_runs
from clothier.store.schema import FILES, HAS_TAG, ITEMS, JOBS, RUNS, SOURCES
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Select

    from clothier.store import Store
    from clothier.store.store import RunId
    from clothier.types import Progress

PAGE = 1_000  # files that are removed in one transaction
TASK = "remove"
MISSING = (
    "{n:,} photos of earlier runs are not in {source} any more. Tables and exports leave them out; reviews and "
    "statistics count them until they are removed: clothier sources --store STORE --remove-missing {quoted}"
)
TAKEN = (
    "{n:,} ids belong to other photos in other sources, for example {item_id!r} in {source}. Their tags and reviews "
    "are of the photos of this run now. Give each photo an id of its own, or remove the source that is outdated."
)
BY_PERSON = "its photos were removed from the store by {}"


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """A source.

    Attributes:
        name: as the store names it: an absolute path, or ``job`` and the id of an upload.
        photos: that its last finished run saw, or any run if none finished.
        failed: those of them that could not be read.
        missing: photos of earlier runs that neither that run nor another source has.
        tagged_at: when its last run began.
        is_finished: whether that run saw all of the source.
    """

    name: str
    photos: int
    failed: int
    missing: int
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
        only_missing: whether the source stays, without the files that it had not any more.
    """

    name: str
    files: int
    items: int
    reviewed: int
    only_missing: bool

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
        source = {"source": row["source_id"], "run": finished[row["source_id"]]}
        n, failed = store.read(partial(_count_files, **source))
        missing = store.read(partial(count_missing, **source))
        found.append(SourceSummary(row["name"], n, failed, missing, row["started_at"], row["finished_at"] is not None))
    return found


def _count_files(connection: Connection, source: int, run: int) -> tuple[int, int]:
    query = select(func.count(), func.count(FILES.c.error_code))
    n, failed = connection.execute(query.where(FILES.c.source_id == source, FILES.c.run_id >= run)).one()
    return n, failed


def count_missing(connection: Connection, source: int, run: int) -> int:
    """The number of items that a source had before ``run``, and that neither that run nor another source has."""
    other = FILES.alias("other")
    is_there = exists().where(
        other.c.item_id == FILES.c.item_id,
        other.c.digest == FILES.c.digest,
        or_(other.c.source_id != source, other.c.run_id >= run),
    )
    query = select(func.count(distinct(FILES.c.item_id))).join(ITEMS, HAS_TAG)
    return connection.scalar(query.where(FILES.c.source_id == source, FILES.c.run_id < run, ~is_there)) or 0


def check_is_no_source(store: Store, output: Path) -> None:
    """Checks that an output would not replace a table or a ZIP file whose photos are in the store.

    Raises:
        UsageError: it would.
    """
    query = select(SOURCES.c.source_id).where(SOURCES.c.name == readable(str(output.resolve())))
    if store.read(lambda connection: connection.scalar(query)) is not None:
        raise UsageError(f"the output {output} is a table whose photos were tagged, and would be lost. Name another.")


def remove_source(
    store: Store, source: str, actor: str, *, only_missing: bool = False, progress: Progress = no_progress
) -> RemovedSource:
    """Removes a source with its files, and the items that no other source has. No photo is deleted.

    History and reviews stay. The model's outputs stay too, so that tagging the photos again does not run the model.
    Interrupted anywhere and called again, it continues.

    Args:
        store: locked by the caller, so that nobody tags.
        source: as the store names it, or a path of it.
        actor: the person who does it.
        only_missing: keep the source and the files that its last finished run saw.
        progress: receives the number of files.

    Raises:
        UnknownNameError: no such source.
        UsageError: the source is an upload that is not done.
        StorageError: the store cannot be written. What was removed stays so; the next call continues.
    """
    name, source_id = _find(store, source)
    store.read(partial(_check_job, name=name))
    total = store.read(lambda connection: _count_files(connection, source_id, 0))[0]
    before = dict(last_runs(store)).get(source_id, 0) if only_missing else None
    files = items = reviewed = 0
    while page := store.write(partial(_remove_page, source=source_id, actor=actor, before=before)):
        files, items, reviewed = files + page[0], items + page[1], reviewed + page[2]
        progress(TASK, files, max(files, total))
    if not only_missing:
        store.write(partial(_remove_runs, source=source_id, actor=actor))
    return RemovedSource(name, files, items, reviewed, only_missing)


def run_warnings(store: Store, run: RunId) -> list[str]:
    """What a finished run found of earlier runs and other sources: photos that are missing, and ids that are taken."""
    query = select(SOURCES.c.name).where(SOURCES.c.source_id == run.source)
    source = store.read(lambda connection: connection.scalar(query)) or ""
    warnings = []
    if n := store.read(partial(count_missing, source=run.source, run=run.run)):
        warnings.append(MISSING.format(n=n, source=source, quoted=shlex.quote(source)))
    taken = _taken_ids(run)
    if first := store.rows_of(taken.limit(1)):
        ids = select(func.count(distinct(taken.subquery().c.item_id)))
        n = store.read(lambda connection: connection.scalar(ids)) or 0
        warnings.append(TAKEN.format(n=n, item_id=first[0]["item_id"], source=first[0]["name"]))
    return warnings


def _taken_ids(run: RunId) -> Select[Any]:
    """Ids of a run that files of the last finished runs of other sources have, with another content."""
    other = FILES.alias("other")
    last = select(RUNS.c.source_id, LAST_FINISHED).group_by(RUNS.c.source_id).subquery()
    return (
        select(FILES.c.item_id, SOURCES.c.name)
        .join(other, (other.c.item_id == FILES.c.item_id) & (other.c.digest != FILES.c.digest))
        .join(last, (last.c.source_id == other.c.source_id) & (other.c.run_id >= last.c.run_id))
        .join(SOURCES, SOURCES.c.source_id == other.c.source_id)
        .where(FILES.c.source_id == run.source, FILES.c.run_id == run.run, other.c.source_id != run.source)
        .order_by(FILES.c.position)
    )


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


def _remove_page(connection: Connection, source: int, actor: str, before: int | None) -> tuple[int, int, int] | None:
    """Removes some files: their number, and that of the items and reviewed items that went with them.

    ``before`` is the run that did not see them; None to remove all.
    """
    own = FILES.c.source_id == source
    own = own if before is None else own & (FILES.c.run_id < before)
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
