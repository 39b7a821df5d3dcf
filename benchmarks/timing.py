"""Measuring in turns: what machine and neighbours do to one side in a round, they do to the other."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clothier.types import Progress


@dataclass(frozen=True, slots=True)
class Turns:
    """Seconds of each side, round by round.

    Attributes:
        seconds: name of a side to its seconds; place i of every list belongs to round i.
    """

    seconds: Mapping[str, Sequence[float]]

    def row(self, name: str, **more: Any) -> dict[str, Any]:
        """One side, as ``benchmark --json`` prints it; ``more`` is added, ``accuracy`` None where it is not given."""
        taken = self.seconds[name]
        spread = {"min": min(taken), "median": statistics.median(taken), "max": max(taken)}
        return {"name": name, "n": len(taken), **spread, "unit": "s", "accuracy": None, **more}

    def ratio(self, ours: str, rival: str) -> float:
        """Median over the rounds of our seconds by the rival's; below 1 ours is quicker."""
        pairs = zip(self.seconds[ours], self.seconds[rival], strict=True)
        return statistics.median(one / other for one, other in pairs)


def in_turns(
    sides: Mapping[str, Callable[[int], object]],
    rounds: int,
    *,
    warm_up: bool = False,
    calls: int = 1,
    task: str = "benchmark",
    progress: Progress = silent,
) -> Turns:
    """Times every side once a round, in the order given.

    Args:
        sides: name to what is timed; it is given the number of its round, 0 for the first.
        rounds: how often.
        warm_up: whether a round that nobody counts comes first; its number is 0 as well.
        calls: how often a side is called in its turn, whose seconds are those of the median call.
        task: what progress calls it.
        progress: told of every turn.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    counted = [False] * warm_up + [True] * rounds
    for done, counts in enumerate(counted):
        for place, (name, side) in enumerate(sides.items()):
            progress(task, done + place / len(sides), len(counted), name)
            taken = statistics.median(_timed(side, max(0, done - warm_up)) for _ in range(calls))
            if counts:
                seconds[name].append(taken)
    progress(task, len(counted), len(counted))
    return Turns(seconds)


def _timed(side: Callable[[int], object], number: int) -> float:
    begun = time.perf_counter()
    side(number)
    return time.perf_counter() - begun
