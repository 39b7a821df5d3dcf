"""The form of every file in ``benchmarks/results``: rows with their spread, the machine, and the command."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from clothier import atomic, machine

RESULTS = Path(__file__).parent / "results"


def spread(values: list[float], unit: str) -> dict[str, Any]:
    """``n``, ``min``, ``median`` and ``max`` of repeated measurements."""
    return {"n": len(values), "min": min(values), "median": median(values), "max": max(values), "unit": unit}


def write(
    path: Path, benchmark: str, command: str, rows: list[dict[str, Any]], ratios: dict[str, float] | None = None
) -> None:
    """Writes one benchmark's figures, with the machine that they were taken on."""
    content = {
        "benchmark": benchmark,
        "command": command,
        "machine": machine.describe(),
        "rows": rows,
        "ratios": ratios or {},
    }
    atomic.write_json(path, content)
    print(f"wrote {path}")
