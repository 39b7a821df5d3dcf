"""The format in which every benchmark prints its results and saves them in ``benchmarks/results``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from clothier import atomic, system
from clothier.cli.progress import progress_display

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESULTS_DIR = Path(__file__).parent / "results"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """The measurements of one benchmark.

    Attributes:
        benchmark: its name: the module in ``benchmarks/``.
        rows: one per candidate: ``name``, ``n``, ``min``, ``median``, ``max``, ``unit``, ``accuracy``.
        ratios: ours / baseline, medians of paired rounds.
        targets: accuracies that should be reached, and the means that were; empty for a benchmark without targets.
        command: what reproduces it; None for ``make benchmark-NAME``.
    """

    benchmark: str
    rows: Sequence[Row]
    ratios: Mapping[str, float]
    targets: Sequence[Row] = ()
    command: str | None = None

    def to_json(self) -> dict[str, Any]:
        """With the command that reproduces it, and the machine."""
        content = {
            "benchmark": self.benchmark,
            "command": self.command or f"make benchmark-{self.benchmark}",
            "machine": system.system_info(),
            "rows": list(self.rows),
            "ratios": dict(self.ratios),
        }
        return {**content, "targets": list(self.targets)} if self.targets else content


def summarize(values: Sequence[float], unit: str) -> Row:
    """``n``, ``min``, ``median`` and ``max`` of repeated measurements."""
    return {"n": len(values), "min": min(values), "median": median(values), "max": max(values), "unit": unit}


def mean_and_range(name: str, values: Sequence[float]) -> Row:
    """Columns ``NAME`` (the mean), ``NAME_min`` and ``NAME_max``."""
    return {name: mean(values), f"{name}_min": min(values), f"{name}_max": max(values)}


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """The mean; None if a value is None, such as the TTA accuracy of a recipe without augmentation."""
    return mean(one for one in values if one is not None) if None not in values else None


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with ``--out FILE``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / f"{name}.json", help="default: %(default)s")
    return parser


def write_results(path: Path, benchmark: str, rows: Sequence[Row], arguments: str = "") -> None:
    """Saves a benchmark that has no ratios; ``arguments`` complete the command that reproduces it."""
    command = f"python -m benchmarks.{benchmark} {arguments}".rstrip()
    atomic.write_json(path, BenchmarkResult(benchmark, rows, {}, command=command).to_json())
    print(f"wrote {path}")


def run_benchmark(name: str, measure: Callable[..., BenchmarkResult], description: str | None) -> None:
    """The command line of a timed benchmark: ``--rounds N``, ``--out FILE``, ``--json``."""
    parser = make_parser(name, description)
    usual = signature(measure).parameters["rounds"].default
    rounds_help = "how often each candidate is timed; default: %(default)s"
    parser.add_argument("--rounds", type=int, default=usual, help=rounds_help)
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else, on stdout")
    options = parser.parse_args()
    with progress_display() as progress:
        result = measure(rounds=options.rounds, progress=progress)
    if options.rounds != usual:
        result = replace(result, command=f'make benchmark-{name} ARGS="--rounds {options.rounds}"')
    atomic.write_json(options.out, result.to_json())
    if options.json:
        sys.stdout.write(json.dumps(result.to_json(), indent=2) + "\n")
    else:
        print_result(result)


def print_result(result: BenchmarkResult) -> None:
    """One row per candidate, then the ratios."""
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
