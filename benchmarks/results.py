"""The one form in which every benchmark prints its results and keeps them in ``benchmarks/results``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from clothier import atomic, system
from clothier.cli.progress import progress_display

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS_DIR = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One benchmark's figures.

    Attributes:
        benchmark: its name: the module in ``benchmarks/``.
        rows: a row a candidate: ``name``, ``n``, ``min``, ``median``, ``max``, ``unit``, ``accuracy``.
        ratios: ours / baseline, medians of paired rounds.
        targets: what was to be reached, and the mean that was measured; empty for a benchmark without targets.
        command: what reproduces it; None for ``make benchmark-NAME``.
    """

    benchmark: str
    rows: Sequence[dict[str, Any]]
    ratios: dict[str, float]
    targets: Sequence[dict[str, Any]] = ()
    command: str | None = None

    def to_json(self) -> dict[str, Any]:
        """With the command that reproduces it, and the machine."""
        found = {
            "benchmark": self.benchmark,
            "command": self.command or f"make benchmark-{self.benchmark}",
            "machine": system.system_info(),
            "rows": list(self.rows),
            "ratios": self.ratios,
        }
        return {**found, "targets": list(self.targets)} if self.targets else found


def summarize(values: list[float], unit: str) -> dict[str, Any]:
    """``n``, ``min``, ``median`` and ``max`` of repeated measurements."""
    return {"n": len(values), "min": min(values), "median": median(values), "max": max(values), "unit": unit}


def write_results(
    path: Path, benchmark: str, command: str, rows: list[dict[str, Any]], ratios: dict[str, float] | None = None
) -> None:
    """Writes one benchmark's figures, with the machine that they were taken on."""
    atomic.write_json(path, BenchmarkResult(benchmark, rows, ratios or {}, command=command).to_json())
    print(f"wrote {path}")


def run_benchmark(name: str, measure: Callable[..., BenchmarkResult], description: str | None) -> None:
    """The command line of a timed benchmark: ``--rounds N``, ``--out FILE``, ``--json``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--rounds", type=int, help="how often each candidate is timed")
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / f"{name}.json", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else, on stdout")
    options = parser.parse_args()
    with progress_display() as progress:
        result = measure(**({} if options.rounds is None else {"rounds": options.rounds}), progress=progress)
    atomic.write_json(options.out, result.to_json())
    if options.json:
        sys.stdout.write(json.dumps(result.to_json(), indent=2) + "\n")
    else:
        print_result(result)


def print_result(result: BenchmarkResult) -> None:
    """A row a candidate, then the ratios."""
    table = Table("", "Median", "Lowest", "Highest", "Runs", "Accuracy", box=None)
    for row in result.rows:
        values = (f"{row[name]:.3g} {row['unit']}" for name in ("median", "min", "max"))
        accuracy = "" if row.get("accuracy") is None else f"{100 * row['accuracy']:.2f} %"
        table.add_row(row["name"], *values, str(row["n"]), accuracy)
    console = Console()
    console.print(table)
    console.print("ours / baseline, medians of paired rounds:")
    for name, ratio in result.ratios.items():
        console.print(f"{name}: {ratio:.3f}")
