"""Runs jobs in several processes at once, each with its share of the cores."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

POLL_SECONDS = 1.0  # between two calls of on_poll
JOIN_TIMEOUT = 10.0  # seconds in which a terminated process must end


def run_in_processes(
    work: Callable[[T], None], jobs: Sequence[T], *, processes: int, threads: int, on_poll: Callable[[], None]
) -> None:
    """Calls ``work`` on every job, several at a time. No process outlives this one, however it ends.

    Args:
        work: a function of a module; its results are files.
        jobs: its arguments, picklable.
        processes: how many at a time.
        threads: of PyTorch in each.
        on_poll: called about once a second in the meantime.

    Raises:
        Exception: the first error of a job; the other jobs are terminated.
        BrokenProcessPool: a process was killed.
    """
    before = active_children()
    executor = ProcessPoolExecutor(processes, get_context("spawn"), _init_worker, (threads,))
    try:
        pending = {executor.submit(work, job) for job in jobs}
        while pending:
            done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            on_poll()
        executor.shutdown()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        workers = [process for process in active_children() if process not in before]
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join(JOIN_TIMEOUT)
        raise


def _init_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the main one handles it
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    torch.set_num_threads(threads)


def _exit_with_parent() -> None:
    """Ends this process once its parent is gone, even if that was killed: nothing would use the results."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
