"""Numbers and settings as a reader wants them; the page and the model card share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def format_percent(fraction: float, decimals: int = 1) -> str:
    """``fraction``, 0 to 1, as ``93.4 %``."""
    return f"{100 * fraction:.{decimals}f}\N{NO-BREAK SPACE}%"


def format_points(fraction: float, decimals: int = 2) -> str:
    """A spread or a difference, 0 to 1, in percentage points without their sign: ``0.25``."""
    return f"{100 * fraction:.{decimals}f}"


def format_duration(seconds: float) -> str:
    """``4.2 s``, ``63 s`` or ``5 min 3 s``."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def format_count(value: float) -> str:
    """A whole number with commas between thousands."""
    return f"{value:,}"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested ``settings`` as rows of a dotted name and a value; what is empty or None is left out."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            rows += flatten(value, f"{path}.")
        elif value not in (None, "", [], ()):
            rows.append((path, _format_value(value)))
    return rows


def cpu_summary(environment: Mapping[str, Any]) -> str:
    """The processor and its usable cores in one line, from ``environment.json``; what is unknown is left out."""
    cpu = environment.get("cpu") or {}
    cores = cpu.get("cores_available")
    parts = [cpu.get("model"), f"{cores} core{'' if cores == 1 else 's'}" if cores else None]
    return ", ".join(part for part in parts if part)


def primary_evaluation(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The evaluation that a report is about, and its name: ``test``, or ``validation`` where test was not read."""
    return ("test", metrics["test"]) if metrics.get("test") else ("validation", metrics["validation"])


def _format_value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_format_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
