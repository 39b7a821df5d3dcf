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

POLL_SECONDS = 1.0  # seconds between two looks at how far the work has come
JOIN_TIMEOUT = 10.0  # seconds that a process is given to end when it is told to


@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    result_pipe: Connection


def run_in_processes(
    work: Callable[[T], None], jobs: Sequence[T], *, processes: int, threads: int, on_poll: Callable[[], None]
) -> None:
    """Does ``work`` on every job, some at a time; the processes end with this one, however it ends.

    Args:
        work: of a module, not local; it leaves what it makes in files.
        jobs: what it is given, picklable.
        processes: how many at a time.
        threads: of PyTorch in each.
        on_poll: called about once a second while they work.

    Raises:
        ClothierError: the first one that a job raised; the other jobs are ended.
        RuntimeError: a job failed otherwise, or its process died.
    """
    waiting, working = list(jobs), list[_Worker]()
    try:
        while waiting or working:
            while waiting and len(working) < processes:
                working.append(_start_worker(work, waiting.pop(0), threads))
            connection.wait([worker.process.sentinel for worker in working], timeout=POLL_SECONDS)
            for worker in [one for one in working if not one.process.is_alive()]:
                working.remove(worker)
                _raise_failure(worker)
            on_poll()
    finally:
        for worker in working:
            worker.process.terminate()
        for worker in working:
            worker.process.join(JOIN_TIMEOUT)


def _start_worker(work: Callable[[T], None], job: T, threads: int) -> _Worker:
    here, there = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_worker_main, args=(there, work, job, threads), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _raise_failure(worker: _Worker) -> None:
    with worker.result_pipe:
        try:
            failure = worker.result_pipe.recv()
        except EOFError as error:
            code = worker.process.exitcode
            raise RuntimeError(f"a process died with exit code {code} before its work was done") from error
    if failure is not None:
        raise failure


def _worker_main(result_pipe: Connection, work: Callable[[Any], None], job: object, threads: int) -> None:
    """What a process does: its work, and one word to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one decides
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    failure: Exception | None = None
    try:
        work(job)
    except ClothierError as error:
        failure = error
    except Exception:  # noqa: BLE001 - told to the process that started this one, which raises it
        failure = RuntimeError(f"in a process of its own:\n{traceback.format_exc()}")
    result_pipe.send(failure)


def _exit_with_parent() -> None:
    """Ends this process when the one that started it is gone, killed perhaps: nobody would want its work."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
