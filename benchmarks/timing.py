"""Timing: interleaved rounds, functions in a process of their own, and whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.results import summarize
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clothier.types import Progress

T = TypeVar("T")
AVX2_ENV = {"ONEDNN_MAX_CPU_ISA": "AVX2"}  # simulates a machine without AVX-512 and AMX
AVX2_NAME = "{}, AVX2 only"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of each variant, round by round.

    Attributes:
        seconds: name of a variant to its seconds; index i of every list belongs to round i.
    """

    seconds: Mapping[str, Sequence[float]]

    def row(self, name: str, **extra: Any) -> dict[str, Any]:
        """One variant as a row of results; ``extra`` is added, and ``accuracy`` is None unless given."""
        return {"name": name, **summarize(self.seconds[name], "s"), "accuracy": None, **extra}

    def ratio(self, ours: str, baseline: str) -> float:
        """Median over the rounds of our seconds / the baseline's; below 1 ours is faster."""
        pairs = zip(self.seconds[ours], self.seconds[baseline], strict=True)
        return statistics.median(one / other for one, other in pairs)


def time_interleaved(
    variants: Mapping[str, Callable[[int], object]],
    rounds: int,
    *,
    warm_up: bool = False,
    calls: int = 1,
    task: str = "benchmark",
    progress: Progress = no_progress,
) -> Timings:
    """Times every variant once per round, so that what slows the machine for a while slows all of them.

    Args:
        variants: name to what is timed; it gets the index of its round.
        rounds: number of rounds.
        warm_up: whether a round that does not count comes first; its index is 0 as well.
        calls: calls per round; the median call counts.
        task: the task's name in progress.
        progress: called for every variant of every round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    counted = [False] * warm_up + [True] * rounds
    for done, counts in enumerate(counted):
        for index, (name, variant) in enumerate(variants.items()):
            progress(task, done + index / len(variants), len(counted), name)
            taken = statistics.median(_time_call(variant, max(0, done - warm_up)) for _ in range(calls))
            if counts:
                seconds[name].append(taken)
    progress(task, len(counted), len(counted))
    return Timings(seconds)


def _time_call(function: Callable[[int], object], round_index: int) -> float:
    started = time.perf_counter()
    function(round_index)
    return time.perf_counter() - started


def run_in_subprocess(function: Callable[..., T], *args: object, environment: Mapping[str, str] | None = None) -> T:
    """Returns ``function(*args)`` of a new interpreter, whose allocator, threads and environment affect nothing else.

    Args:
        function: of a module, not local; picklable, as are its arguments and its result.
        args: its arguments.
        environment: variables to set before the interpreter starts, because torch reads them when it is imported.

    Raises:
        BrokenProcessPool: the process died.
    """
    with _set_environment(environment or {}), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *args).result()


@contextmanager
def _set_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Sets variables within the block, which child processes inherit."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Wall seconds and peak resident bytes of a process.

    Raises:
        SystemExit: it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024.0
