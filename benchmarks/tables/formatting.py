"""What every table is made of: a results file, Markdown, percentages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier import bundle

ROOT = Path(__file__).parents[2]
RESULTS_DIR = ROOT / "benchmarks" / "results"

Row = dict[str, Any]


def load_results(name: str) -> Row:
    """One file of ``benchmarks/results``."""
    content: Row = json.loads((RESULTS_DIR / f"{name}.json").read_text())
    return content


def table(header: Sequence[str], align: str, rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A Markdown table and its note; ``align`` has ``l`` or ``r`` for each column."""
    rule = ["---" if one == "l" else "---:" for one in align]
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (header, rule, *rows)]
    return "\n".join([*lines, "", *([note, ""] if note else [])])


def machine(results: Row) -> str:
    cpu = results["machine"]["cpu"]
    return f"{cpu['cores_available']} cores of {cpu['model']}"


def with_command(note: str, results: Row) -> str:
    return f"{note} Made by `{results['command']}`."


def percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def accuracy_range(row: Row, *, bold: bool = False) -> str:
    """Mean (lowest to highest)."""
    mean, low, high = (percent(row[name]) for name in ("accuracy", "accuracy_min", "accuracy_max"))
    return f"{f'**{mean}**' if bold else mean} ({low} to {high})"


def megabytes(found: bundle.Bundle) -> str:
    return f"{sum(file.stat().st_size for file in found.path.iterdir()) / 1e6:.1f}"
