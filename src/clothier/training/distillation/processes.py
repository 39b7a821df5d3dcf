"""Work in several processes at once, each with its share of the cores."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from clothier.errors import ClothierError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")

LOOK = 1.0  # seconds between two looks at how far the work has come
PATIENCE = 10.0  # seconds that a process is given to end when it is told to


@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    answer: Connection


def side_by_side(
    work: Callable[[T], None], jobs: Sequence[T], *, processes: int, threads: int, watch: Callable[[], None]
) -> None:
    """Does ``work`` on every job, some at a time; the processes end with this one, however it ends.

    Args:
        work: of a module, not local; it leaves what it makes in files.
        jobs: what it is given, picklable.
        processes: how many at a time.
        threads: of PyTorch in each.
        watch: called about once a second while they work.

    Raises:
        ClothierError: the first one that a job raised; the other jobs are ended.
        RuntimeError: a job failed otherwise, or its process died.
    """
    waiting, working = list(jobs), list[_Worker]()
    try:
        while waiting or working:
            while waiting and len(working) < processes:
                working.append(_started(work, waiting.pop(0), threads))
            connection.wait([worker.process.sentinel for worker in working], timeout=LOOK)
            for worker in [one for one in working if not one.process.is_alive()]:
                working.remove(worker)
                _require_success(worker)
            watch()
    finally:
        for worker in working:
            worker.process.terminate()
        for worker in working:
            worker.process.join(PATIENCE)


def _started(work: Callable[[T], None], job: T, threads: int) -> _Worker:
    here, there = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_carry_out, args=(there, work, job, threads), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _require_success(worker: _Worker) -> None:
    with worker.answer:
        try:
            failure = worker.answer.recv()
        except EOFError as error:
            code = worker.process.exitcode
            raise RuntimeError(f"a process died with exit code {code} before its work was done") from error
    if failure is not None:
        raise failure


def _carry_out(answer: Connection, work: Callable[[Any], None], job: object, threads: int) -> None:
    """What a process does: its work, and one word to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    failure: Exception | None = None
    try:
        work(job)
    except ClothierError as error:
        failure = error
    except Exception:  # noqa: BLE001 - told to the process that started this one, which raises it
        failure = RuntimeError(f"in a process of its own:\n{traceback.format_exc()}")
    answer.send(failure)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, killed perhaps: nobody would want its work."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
