"""A store: what was tagged, where it was found, and the model's output for it."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import case, func, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from clothier.errors import DataError, StorageError, UsageError
from clothier.store.engine import (
    BUSY_SECONDS,
    SQLITE,
    damaged,
    explain,
    is_temporary,
    make_engine,
    shown,
)
from clothier.store.lock import BUSY, file_lock
from clothier.store.migrate import migrate
from clothier.store.schema import AUDIT, FILES, HAS_TAG, IS_COMPLETE, ITEMS, MODELS, OUTPUTS, RUNS, SOURCES
from clothier.store.statements import find_or_insert, now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sqlalchemy import URL, ColumnElement, Connection, Select

T = TypeVar("T")
PATIENCE = 60.0  # seconds; a database server that is restarted is back by then
RETRY_PAUSE = 0.5  # seconds
TAGGER_LOCK, MIGRATION_LOCK = 0xC107_0001, 0xC107_0002  # of PostgreSQL: numbers that no other program uses
PAGE = 1_000  # rows that are read at a time
REPLACED = "replaced"
REPLACED_ERROR = {
    "error_code": REPLACED,
    "error_message": "another source gave the id of this photo to another one later, so this one has no tag.",
}
NO_TAGS = "{0} has no tags. Tag photos first: clothier tag PHOTOS --store {0}"

FINAL_DECISION = case(
    (ITEMS.c.review_id.is_(None), ITEMS.c.decision), (ITEMS.c.reviewed_class.is_(None), "reject"), else_="accept"
)
"""A person's review decides; a photo of none of the classes is rejected."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a store knows about a file.

    Attributes:
        file: as its source named it when it was last read.
        signature: of the file then.
        digest: of its content; None if it could not be read.
        run_id: the last run that saw it.
        is_done: whether it was read without an error and the model's output for it is there.
        item_id: of its photo; None if it never had one.
    """

    file: str
    signature: str
    digest: str | None
    run_id: int
    is_done: bool
    item_id: str | None


@dataclass(frozen=True, slots=True)
class RunId:
    """The numbers of a run, its source and its model in the store."""

    run: int
    source: int
    model: int


class Store:
    """An open store; a context manager that closes it.

    Attributes:
        name: for messages; a password is hidden.
    """

    def __init__(self, url: URL, *, patience: float = PATIENCE, create: bool = True) -> None:
        """Connects, and brings the tables up to date.

        Args:
            url: of the database.
            patience: seconds to wait for a server that went away, or for another writer (at most 30).
            create: make a SQLite file that is not there.

        Raises:
            DataError: not a store, damaged, or newer than this Clothier.
            StorageError: the database cannot be reached, or the file not be written.
        """
        is_file = url.get_backend_name() == SQLITE
        self.name = shown(url)
        self._url, self._patience = url, patience
        self._engine = make_engine(url, min(patience, BUSY_SECONDS), create=create)
        self._server_lock: Connection | None = None
        try:
            with self._explained(), self._engine.begin() as connection:
                if not is_file:  # two processes must not create the same tables
                    connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                migrate(connection, self.name)
            self._file = _file_id(url.database) if is_file else None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other taggers out of this store.

        Raises:
            UsageError: another process has the lock.
            StorageError: the lock file cannot be created.
        """
        if self._url.get_backend_name() == SQLITE:
            with file_lock(Path(f"{self._url.database}.lock"), self.name):
                yield
            return
        try:
            with self._explained():
                self._lock_server()
            yield
        finally:
            self._unlock_server()

    def write(self, work: Callable[[Connection], T]) -> T:
        """Does ``work`` in a transaction, and again if the database server went away and came back.

        Raises:
            DataError: the store is damaged.
            StorageError: the disk is full, or the server stays away.
            UsageError: the server came back, but another process has the lock now.
        """
        return self._retry(work, reads=False)

    def read(self, work: Callable[[Connection], T]) -> T:
        """As :meth:`write`, in a transaction that only reads."""
        return self._retry(work, reads=True)

    def begin_run(self, source: str, digest: str, model: str) -> RunId:
        """Registers a run over ``source`` with the model that has this ``digest`` and name."""

        def work(connection: Connection) -> RunId:
            source_id = find_or_insert(connection, SOURCES, {"name": source}, {})
            model_id = find_or_insert(connection, MODELS, {"digest": digest}, {"name": model})
            values = {"source_id": source_id, "model_id": model_id, "started_at": now()}
            run_id = connection.execute(RUNS.insert().values(values)).inserted_primary_key
            return RunId(run_id[0] if run_id else 0, source_id, model_id)

        return self.write(work)

    def finish_run(self, run: RunId) -> None:
        """Notes that a run saw all of its source."""
        done = update(RUNS).where(RUNS.c.run_id == run.run).values(finished_at=now())
        self.write(lambda connection: connection.execute(done))

    def model_digest(self, run: RunId) -> str | None:
        """What determines the outputs of a run's model."""
        query = select(MODELS.c.digest).where(MODELS.c.model_id == run.model)
        return self.read(lambda connection: connection.scalar(query))

    def known_files(self, run: RunId, keys: Collection[str]) -> dict[str, KnownFile]:
        """What is known about those of the source's ``keys`` that it has."""
        output = (OUTPUTS.c.digest == FILES.c.digest) & (OUTPUTS.c.model_id == run.model)
        is_done = (FILES.c.error_code.is_(None) & IS_COMPLETE).label("is_done")
        columns = [FILES.c[name] for name in ("key", "file", "signature", "digest", "run_id", "item_id")]
        query = (
            select(*columns, is_done)
            .outerjoin(OUTPUTS, output)
            .where(FILES.c.source_id == run.source, FILES.c.key.in_(keys))
        )
        rows = self.read(lambda connection: connection.execute(query).all())
        return {
            one.key: KnownFile(one.file, one.signature, one.digest, one.run_id, bool(one.is_done), one.item_id)
            for one in rows
        }

    def require_tags(self) -> None:
        """Checks that the store has a tag.

        Raises:
            DataError: nothing was tagged yet, or all of it was removed.
        """
        if self.read(lambda connection: connection.scalar(select(ITEMS.c.item_id).limit(1))) is None:
            raise DataError(NO_TAGS.format(self.name))

    def has_outputs(self, model_id: int) -> bool:
        """Whether there is any output of the model."""
        query = select(OUTPUTS.c.digest).where(OUTPUTS.c.model_id == model_id).limit(1)
        return self.read(lambda connection: connection.execute(query).first()) is not None

    def output_digests(self, model_id: int) -> list[str]:
        """The digests of all contents for which :meth:`has_output` is true."""
        is_known = (OUTPUTS.c.model_id == model_id) & IS_COMPLETE
        query = select(OUTPUTS.c.digest).where(is_known)
        return self.read(lambda connection: list(connection.scalars(query)))

    def has_output(self, digest: str, model_id: int) -> bool:
        """Whether the model's output for this content is there, and nothing of it is missing."""
        is_this = (OUTPUTS.c.digest == digest) & (OUTPUTS.c.model_id == model_id)
        query = select(OUTPUTS.c.model_id).where(is_this, IS_COMPLETE)
        return self.read(lambda connection: connection.execute(query).first()) is not None

    def count(self, run: RunId) -> dict[str, dict[str | None, int]]:
        """The number of the run's files by ``decision``, a person's where there is one, and by ``error_code``."""

        def work(connection: Connection) -> dict[str, dict[str | None, int]]:
            return {
                "decision": _count(connection, FINAL_DECISION, run, FILES.c.error_code.is_(None)),
                "error_code": _count(connection, FILES.c.error_code, run, FILES.c.error_code.is_not(None)),
            }

        return self.read(work)

    def rows(self, run: RunId, where: Sequence[ColumnElement[bool]] = ()) -> Iterator[Row]:
        """The run's files with their tags, in the order of the source.

        The tag of a failed file is None. A file whose id another source gave to another photo later has the error
        ``replaced``.

        Args:
            run: the last one over its source.
            where: conditions on the items; none for all files.
        """
        tag = [one for one in ITEMS.c if one.name not in ("item_id", "digest", "product")]
        file = [one for one in FILES.c if one.name not in ("source_id", "run_id", "signature", "digest")]
        joined = HAS_TAG & FILES.c.error_code.is_(None)
        output = (OUTPUTS.c.digest == ITEMS.c.digest) & (OUTPUTS.c.model_id == run.model)
        position = -1
        while True:
            query = (
                select(*file, *tag, OUTPUTS.c.colors)
                .outerjoin(ITEMS, joined)
                .outerjoin(OUTPUTS, output)
                .where(FILES.c.source_id == run.source, FILES.c.position > position, FILES.c.run_id == run.run)
                .where(*where)
                .order_by(FILES.c.position)
                .limit(PAGE)
            )
            page = self.rows_of(query)
            yield from (row if row["error_code"] or row["class"] else row | REPLACED_ERROR for row in page)
            if len(page) < PAGE:
                return
            position = page[-1]["position"]

    def history(self, item_id: str) -> list[Row]:
        """Every change of an item's tag, the first one first: ``at``, ``actor``, ``before``, ``after``."""
        columns = (AUDIT.c.at, AUDIT.c.actor, AUDIT.c.before, AUDIT.c.after)
        query = select(*columns).where(AUDIT.c.item_id == item_id).order_by(AUDIT.c.audit_id)
        return self.rows_of(query)

    def rows_of(self, query: Select[Any]) -> list[Row]:
        """All rows of a query."""
        return self.read(lambda connection: [dict(one) for one in connection.execute(query).mappings()])

    def _retry(self, work: Callable[[Connection], T], *, reads: bool) -> T:
        deadline: float | None = None
        while True:
            self._check_file()
            try:
                if not reads:
                    self._keep_server_lock()
                with self._engine.connect().execution_options(reads=reads) as connection, connection.begin():
                    return work(connection)
            except DBAPIError as error:
                deadline = deadline or time.monotonic() + self._patience
                if not is_temporary(error) or time.monotonic() > deadline:
                    raise explain(error, self.name) from error
                time.sleep(RETRY_PAUSE)

    def _check_file(self) -> None:
        """SQLite would go on with a file that was removed, and nobody would find what it writes."""
        if self._file and _file_id(self._url.database) != self._file:
            raise StorageError(f"the store {self.name} was removed or replaced while it was in use. Put it back.")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise explain(error, self.name) from error
        except UnicodeDecodeError as error:  # a message of SQLite with a part of a damaged file
            raise damaged(self.name, repr(error.object)[1:].strip("'\"")) from error

    def _lock_server(self) -> None:
        """Takes an advisory lock of PostgreSQL, which lasts as long as its connection."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            is_free = connection.scalar(select(func.pg_try_advisory_lock(TAGGER_LOCK)))
        except BaseException:
            _drop(connection)
            raise
        if not is_free:
            _drop(connection)
            raise UsageError(BUSY.format(self.name))
        self._unlock_server()
        self._server_lock = connection

    def _unlock_server(self) -> None:
        if self._server_lock:
            with suppress(SQLAlchemyError):  # a closed connection loses it too, but only when the server notices
                self._server_lock.scalar(select(func.pg_advisory_unlock(TAGGER_LOCK)))
            _drop(self._server_lock)
            self._server_lock = None

    def _keep_server_lock(self) -> None:
        """Takes the lock again if its connection was lost, as in a restart of the server between two transactions."""
        if self._server_lock:
            try:
                is_held = not self._server_lock.invalidated and self._server_lock.scalar(select(1)) == 1
            except DBAPIError:
                is_held = False
            if not is_held:
                self._lock_server()


def _file_id(path: str | None) -> tuple[int, int] | None:
    try:
        status = Path(path or "").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _drop(connection: Connection) -> None:
    """Closes a connection for good: back in the pool it would keep its lock."""
    connection.invalidate()
    connection.close()


def _count(connection: Connection, column: Any, run: RunId, condition: Any) -> dict[str | None, int]:
    query = (
        select(column, func.count())
        .select_from(FILES.outerjoin(ITEMS, HAS_TAG))
        .where(FILES.c.source_id == run.source, FILES.c.run_id == run.run, condition)
        .group_by(column)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
