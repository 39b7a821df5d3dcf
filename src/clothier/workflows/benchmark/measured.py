"""What a benchmark found, in the one form that ``benchmark --json`` prints and ``benchmarks/results`` keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier import machine

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Measured:
    """One benchmark's figures.

    Attributes:
        benchmark: its name on the command line.
        rows: a row a side, each with its spread.
        ratios: ours by the rival's, medians of paired rounds.
        goals: what was wanted, and the mean that came of it; empty for a benchmark that has none.
    """

    benchmark: str
    rows: Sequence[dict[str, Any]]
    ratios: dict[str, float]
    goals: Sequence[dict[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        """With the command that measures it again, and the machine."""
        found = {
            "benchmark": self.benchmark,
            "command": f"clothier benchmark {self.benchmark} --json",
            "machine": machine.describe(),
            "rows": list(self.rows),
            "ratios": self.ratios,
        }
        return {**found, "goals": list(self.goals)} if self.goals else found
