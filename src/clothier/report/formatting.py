"""Numbers and settings as text, for figures, pages and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clothier.metrics import accuracy_interval


def format_percent(fraction: float, decimals: int = 1) -> str:
    """``fraction``, 0 to 1, as ``93.4 %``."""
    return f"{100 * fraction:.{decimals}f}\N{NO-BREAK SPACE}%"


def format_spread(accuracy: float, standard_error: float, n: int) -> str:
    """What follows an accuracy on ``n`` images or groups: its standard error, ``± 0.25``, in percentage points.

    That is 0 if all are right, all are wrong, or all groups have the same accuracy. Wilson's interval is given instead.
    """
    if standard_error > 0:
        return f"± {format_points(standard_error)}"
    low, high = accuracy_interval(accuracy, standard_error, n)
    return f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"


def spread_of(evaluation: Mapping[str, Any]) -> str:
    """:func:`format_spread` of an evaluation as ``--json`` prints it; its ``n_groups`` count where it has groups."""
    n = evaluation.get("n_groups") or evaluation["n"]
    return format_spread(evaluation["accuracy"], evaluation["standard_error"], n)


def format_points(fraction: float) -> str:
    """A standard error or a difference, 0 to 1, in percentage points, without the unit: ``0.25``."""
    return f"{100 * fraction:.2f}"


def format_duration(seconds: float) -> str:
    """``4.2 s``, ``63 s`` or ``5 min 3 s``."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested ``settings`` as rows of dotted name and value; empty values and None are left out."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{name}.")
        elif value not in (None, "", [], ()):
            rows.append((f"{prefix}{name}", _format_value(value)))
    return rows


def _format_value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_format_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
