"""Measuring in turns: what machine and neighbours do to one side in a round, they do to the other."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clothier.types import Progress


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of each side, round by round.

    Attributes:
        seconds: name of a side to its seconds; place i of every list belongs to round i.
    """

    seconds: Mapping[str, Sequence[float]]

    def row(self, name: str, **extra: Any) -> dict[str, Any]:
        """One side, as ``benchmark --json`` prints it; ``extra`` is added, ``accuracy`` None where it is not given."""
        taken = self.seconds[name]
        spread = {"min": min(taken), "median": statistics.median(taken), "max": max(taken)}
        return {"name": name, "n": len(taken), **spread, "unit": "s", "accuracy": None, **extra}

    def ratio(self, ours: str, baseline: str) -> float:
        """Median over the rounds of our seconds by the rival's; below 1 ours is quicker."""
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
    """Times every side once a round, in the order given.

    Args:
        variants: name to what is timed; it is given the number of its round, 0 for the first.
        rounds: how often.
        warm_up: whether a round that nobody counts comes first; its number is 0 as well.
        calls: how often a side is called in its turn, whose seconds are those of the median call.
        task: what progress calls it.
        progress: told of every turn.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    counted = [False] * warm_up + [True] * rounds
    for done, counts in enumerate(counted):
        for place, (name, side) in enumerate(variants.items()):
            progress(task, done + place / len(variants), len(counted), name)
            taken = statistics.median(_time_call(side, max(0, done - warm_up)) for _ in range(calls))
            if counts:
                seconds[name].append(taken)
    progress(task, len(counted), len(counted))
    return Timings(seconds)


def _time_call(function: Callable[[int], object], round_index: int) -> float:
    begun = time.perf_counter()
    function(round_index)
    return time.perf_counter() - begun
