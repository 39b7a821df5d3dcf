"""Jobs: uploads of photos that are tagged in the background, by any process that has the store.

A job is ``uploading``, then ``waiting``, ``running``, and ``done``, ``failed`` or ``canceled``. What a killed process
left running is continued by the next one that gets the lock of taggers.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from clothier.store.schema import FILES, JOB_PARTS, JOBS, RUNS
from clothier.store.statements import now, upsert
from clothier.store.store import RunId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from clothier.store import Store
    from clothier.store.store import Row

JOB_SOURCE = "job "  # begins the name of the source of an upload; those of others are absolute paths
MAX_ATTEMPTS = 3  # starts of a job; one that ends the process each time would otherwise do so for ever
UPLOADING = "uploading"
UNFINISHED = ("waiting", "running")
ENDED = ("done", "failed", "canceled")
STALE = timedelta(hours=2)  # an upload of which nothing arrived for so long was broken off
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        number: in the order of arrival.
        job_id: for clients.
        status: see above.
        created_at: UTC, as the other times; while it is uploaded, when its last part arrived.
        started_at: for the first time; None before.
        finished_at: None before.
        attempts: how often it was started.
        done: photos.
        total: photos; None before it is known.
        result: counts, when it is done.
        error: why it failed; of a job that is not done, why its last start did not end it.
        run_id: of the run in the store.
        fingerprint: SHA-256 of the upload; None while it is uploaded.
    """

    number: int
    job_id: str
    status: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int
    done: int
    total: int | None
    result: dict[str, Any] | None
    error: str | None
    run_id: int | None
    fingerprint: str | None

    @property
    def source(self) -> str:
        """The name of its photos' source in the store."""
        return f"{JOB_SOURCE}{self.job_id}"

    def to_json(self) -> dict[str, Any]:
        """For clients."""
        hidden = ("number", "attempts", "run_id", "fingerprint")
        return {name: value for name, value in asdict(self).items() if name not in hidden}


_COLUMNS = [JOBS.c[name] for name in Job.__dataclass_fields__]


def begin_upload(store: Store, owner: str, key: str | None) -> tuple[Job, bool]:
    """A new job whose upload begins, or the one that its ``owner`` began with the same idempotency ``key``.

    Returns:
        The job, and whether it is new.
    """
    digest = hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest() if key is not None else None
    row = {
        "job_id": secrets.token_hex(16),
        "owner": owner,
        "key": digest,
        "status": UPLOADING,
        "created_at": now(),
        "attempts": 0,
        "done": 0,
    }

    def work(connection: Connection) -> tuple[Job, bool]:
        _drop_stale(connection)
        if digest and (found := connection.execute(select(*_COLUMNS).where(JOBS.c.key == digest)).first()):
            return Job(*found), False
        connection.execute(JOBS.insert().values(row))
        return Job(*connection.execute(select(*_COLUMNS).where(JOBS.c.job_id == row["job_id"])).one()), True

    return store.write(work)


def add_part(store: Store, job: Job, part: int, content: bytes) -> bool:
    """Keeps the next part of an upload, 0 for the first; False if it was canceled or given up (:data:`STALE`)."""
    row = {"number": job.number, "part": part, "content": content}
    alive = update(JOBS).where(JOBS.c.number == job.number, JOBS.c.status == UPLOADING).values(created_at=now())

    def work(connection: Connection) -> bool:
        is_wanted = connection.execute(alive).rowcount == 1
        if is_wanted:
            upsert(connection, JOB_PARTS, [row])  # it may be there, if the connection was lost after the commit
        return is_wanted

    return store.write(work)


def complete_upload(store: Store, job: Job, fingerprint: str) -> Job:
    """The upload, whose last part was just kept, is complete: the job waits."""
    return _change(store, job, status="waiting", fingerprint=fingerprint)


def discard_upload(store: Store, job: Job) -> None:
    """Removes a job whose upload was broken off; one that was canceled stays."""
    store.write(lambda connection: _remove(connection, job.number))


def find_job(store: Store, job_id: str) -> Job | None:
    """The job, if there is one."""
    query = select(*_COLUMNS).where(JOBS.c.job_id == job_id)
    row = store.read(lambda connection: connection.execute(query).first())
    return Job(*row) if row else None


def list_jobs(store: Store, before: int | None, limit: int) -> list[Job]:
    """The newest jobs, or those that came before the one with this number."""
    query = select(*_COLUMNS).order_by(JOBS.c.number.desc()).limit(limit)
    query = query.where(JOBS.c.number < before) if before is not None else query
    return [Job(*row) for row in store.read(lambda connection: connection.execute(query).all())]


def next_job(store: Store) -> Job | None:
    """The oldest job that is not done."""
    query = select(*_COLUMNS).where(JOBS.c.status.in_(UNFINISHED)).order_by(JOBS.c.number).limit(1)
    row = store.read(lambda connection: connection.execute(query).first())
    return Job(*row) if row else None


def read_upload(store: Store, job: Job) -> Iterator[bytes]:
    """The parts of the upload."""
    part = 0
    while True:
        query = select(JOB_PARTS.c.content).where(JOB_PARTS.c.number == job.number, JOB_PARTS.c.part == part)
        rows = store.rows_of(query)
        if not rows:
            return
        yield rows[0]["content"]
        part += 1


def start_job(store: Store, job: Job, run: RunId) -> Job:
    """The job is running, in this run of the store."""
    started = job.started_at or now()
    return _change(
        store, job, status="running", started_at=started, attempts=job.attempts + 1, run_id=run.run, error=None
    )


def interrupt_job(store: Store, job: Job) -> None:
    """This start of the job did not end it because the server ends: it does not count."""
    _change(store, job, attempts=JOBS.c.attempts - 1)


def note_problem(store: Store, job: Job, problem: str) -> None:
    """Keeps why this start of the job did not end it."""
    _change(store, job, error=problem)


def report_progress(store: Store, job: Job, done: int, total: int) -> bool:
    """Keeps the number of photos; whether the job is still wanted."""
    return _change(store, job, done=done, total=total).status == "running"


def finish_job(store: Store, job: Job, *, result: dict[str, Any] | None = None, error: str | None = None) -> None:
    """The job is done, or failed with this error; its upload is not needed anymore."""
    _end(store, job, "failed" if error else "done", result=result, error=error)


def cancel_job(store: Store, job: Job) -> Job:
    """Cancels a job that is not done; what it has tagged stays."""
    _end(store, job, "canceled")
    return find_job(store, job.job_id) or job


def job_run(store: Store, job: Job) -> RunId:
    """The run of a job that is done."""
    query = select(RUNS.c.run_id, RUNS.c.source_id, RUNS.c.model_id).where(RUNS.c.run_id == job.run_id)
    return RunId(*store.read(lambda connection: connection.execute(query).one()))


def failed_photos(store: Store, job: Job, limit: int) -> list[Row]:
    """``file`` and ``error_message`` of photos that could not be read, in the order of the upload."""
    source = select(RUNS.c.source_id).where(RUNS.c.run_id == job.run_id).scalar_subquery()
    query = select(FILES.c.file, FILES.c.error_message).order_by(FILES.c.position).limit(limit)
    return store.rows_of(query.where(FILES.c.source_id == source, FILES.c.error_code.is_not(None)))


def _change(store: Store, job: Job, **values: Any) -> Job:
    """Changes a job unless it has ended, and returns it."""
    change = update(JOBS).where(JOBS.c.number == job.number, JOBS.c.status.not_in(ENDED)).values(values)
    query = select(*_COLUMNS).where(JOBS.c.number == job.number)

    def work(connection: Connection) -> Job:
        connection.execute(change)
        return Job(*connection.execute(query).one())

    return store.write(work)


def _end(store: Store, job: Job, status: str, **values: Any) -> None:
    change = update(JOBS).where(JOBS.c.number == job.number, JOBS.c.status.not_in(ENDED))

    def work(connection: Connection) -> None:
        connection.execute(change.values(status=status, finished_at=now(), **values))
        connection.execute(delete(JOB_PARTS).where(JOB_PARTS.c.number == job.number))

    store.write(work)


def _drop_stale(connection: Connection) -> None:
    """Removes uploads that a killed process left."""
    limit = (datetime.now(UTC) - STALE).strftime(TIME)
    query = select(JOBS.c.number).where(JOBS.c.status == UPLOADING, JOBS.c.created_at < limit)
    for number in connection.scalars(query).all():
        _remove(connection, number)


def _remove(connection: Connection, number: int) -> None:
    connection.execute(delete(JOB_PARTS).where(JOB_PARTS.c.number == number))
    connection.execute(delete(JOBS).where(JOBS.c.number == number, JOBS.c.status == UPLOADING))
