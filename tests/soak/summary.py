"""A row of a soak test's results."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outcome(Protocol):
    """What became of one input."""

    @property
    def outcome(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def memory(self) -> int: ...


def summary_row(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """CPU seconds, memory and the number of each outcome."""
    seconds = [one.seconds for one in outcomes]
    return {
        "name": name,
        "n": len(outcomes),
        "min": min(seconds),
        "median": median(seconds),
        "max": max(seconds),
        "unit": "s CPU",
        "max_megabytes": max(one.memory for one in outcomes) // 1_000_000,
        "outcomes": dict(sorted(Counter(one.outcome for one in outcomes).items())),
    }
