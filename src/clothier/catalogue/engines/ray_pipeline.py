"""The data set of chunks: their numbers, a pool of workers that read photos and run the model, the results in order."""

from __future__ import annotations

import logging
import queue
import threading
import warnings
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
import ray.data
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError
from ray.util.annotations import RayDeprecationWarning

from clothier.catalogue.engines.ray_cluster import connected, explained
from clothier.catalogue.engines.ray_worker import (
    NUMBER,
    READINGS,
    ChunkFeed,
    PhotoWorker,
    SentPhoto,
    chunk_numbers,
    sorted_digests,
    unpack,
)
from clothier.catalogue.engines.reading import Reading, read_content
from clothier.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from clothier.catalogue.engines.ray_engine import WorkerPlan
    from clothier.data.photo_sources import Item
Row = dict[str, Any]

CHUNKS_AHEAD = 2  # for each worker, and as many for all together: none waits for the driver
MAX_DEATHS = 3  # of workers without a result in between: then a photo kills them, or there is too little memory
DEATHS = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError)
logging.getLogger("ray.data").setLevel(logging.ERROR)  # it would tell of every start and end


def run_pipeline(
    chunks: Iterable[Sequence[Item]], plan: WorkerPlan, known: Iterable[str], address: str | None
) -> Iterator[list[Reading]]:
    """The readings of each chunk, in order.

    Args:
        chunks: taken in a thread.
        plan: for the workers.
        known: digests of contents that need no output.
        address: of the cluster; None for one on this machine.

    Raises:
        ClusterError: the cluster cannot be reached, differs from this machine, or its workers die.
    """
    with connected(address) as n_workers, explained():
        feed = ray.remote(num_cpus=0)(ChunkFeed).remote()
        worker = {"plan": plan, "feed": feed, "known": ray.put(sorted_digests(known))}
        with (
            closing(_results(feed, worker, n_workers)) as results,
            _feeding(feed, chunks, CHUNKS_AHEAD * (n_workers + 1)) as feeder,
        ):
            for chunk in feeder.chunks():
                found = iter(_next_result(results, chunk.number) if chunk.number is not None else ())
                yield [one or next(found) for one in chunk.readings]
                feeder.release(chunk)


def _results(feed: Any, worker: dict[str, Any], n_workers: int) -> Generator[Row, None, None]:
    """The result of each chunk. After the death of a worker, what is missing is computed again by new ones."""
    first, deaths = 0, 0
    while deaths < MAX_DEATHS:
        try:
            with closing(_rows(feed, worker, n_workers, first)) as rows:
                for row in rows:
                    first, deaths = row[NUMBER] + 1, 0
                    yield row
        except DEATHS:
            deaths += 1
        else:
            return
    raise ClusterError(
        f"{MAX_DEATHS} workers of Ray died one after another. One of the next photos kills them, or they have too "
        "little memory. What is stored stays; run the same command again to continue."
    )


def _rows(feed: Any, worker: dict[str, Any], n_workers: int, first: int) -> Generator[Row, None, None]:
    """Rows of a data set, which is computed as the chunks come, from number ``first`` on."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # byte: each row is passed on at once, however small
    context.execution_options.preserve_order = True
    with ray.data.DataContext.current(context):
        numbers = ray.data.from_items([first]).map_batches(chunk_numbers, fn_kwargs={"feed": feed}, num_cpus=0)
        pool = ray.data.ActorPoolStrategy(size=n_workers)
        with warnings.catch_warnings(action="ignore", category=RayDeprecationWarning):  # nothing replaces max_restarts
            readings = numbers.map(
                PhotoWorker,
                fn_constructor_kwargs=worker,
                compute=pool,
                num_cpus=1,
                max_restarts=0,  # new workers come from _results
            )
        yield from readings.iter_rows()


def _next_result(results: Iterator[Row], number: int) -> list[Reading]:
    row = next(results, None)
    if row is None or row[NUMBER] != number:
        raise ClusterError("Ray lost a result. What is stored stays; run the same command again to continue.")
    return unpack(row[READINGS])


@dataclass(frozen=True, slots=True)
class _Sent:
    """A chunk that was taken.

    Attributes:
        number: with which it was sent; None if there was nothing to send.
        readings: of the files that could not be read here; None for those that were sent.
    """

    number: int | None
    readings: list[Reading | None]


class _Feeder:
    """Takes chunks in a thread and sends them, a bounded number ahead of the results."""

    def __init__(self, feed: Any, chunks: Iterable[Sequence[Item]], limit: int) -> None:
        self._feed, self._chunks = feed, chunks
        self._sent: queue.SimpleQueue[_Sent | BaseException | None] = queue.SimpleQueue()
        self._slots, self._is_stopped = threading.Semaphore(limit), False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def chunks(self) -> Iterator[_Sent]:
        """The chunks, each when it was sent. What fails in the thread is raised here."""
        while (sent := self._sent.get()) is not None:
            if isinstance(sent, BaseException):
                raise sent
            yield sent

    def release(self, chunk: _Sent) -> None:
        """The chunk's result is stored: another may be sent."""
        if chunk.number is not None:
            self._feed.drop.remote(chunk.number)
        self._slots.release()

    def stop(self) -> None:
        """Ends the thread."""
        self._is_stopped = True
        self._slots.release()
        self._thread.join()

    def _run(self) -> None:
        try:
            n = self._send_all()
            ray.get(self._feed.end.remote(n))
            self._sent.put(None)
        except BaseException as error:  # noqa: BLE001 - raised by chunks(), in the caller's thread
            self._sent.put(error)

    def _send_all(self) -> int:
        number = 0
        for chunk in self._chunks:
            self._slots.acquire()
            if self._is_stopped:
                break
            sent = [_send(item) for item in chunk]
            photos = [one for one in sent if isinstance(one, SentPhoto)]
            if photos:
                ray.get(self._feed.put.remote(number, [ray.put(photos)]))
            readings = [one if isinstance(one, Reading) else None for one in sent]
            self._sent.put(_Sent(number if photos else None, readings))
            number += bool(photos)
        return number


@contextmanager
def _feeding(feed: Any, chunks: Iterable[Sequence[Item]], limit: int) -> Iterator[_Feeder]:
    feeder = _Feeder(feed, chunks, limit)
    try:
        yield feeder
    finally:
        feeder.stop()


def _send(item: Item) -> SentPhoto | Reading:
    if item.path:
        return SentPhoto(item.file, item.path, b"")
    content = read_content(item)
    return Reading(None, failure=content) if not isinstance(content, bytes) else SentPhoto(item.file, None, content)
