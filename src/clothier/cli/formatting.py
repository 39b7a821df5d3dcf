"""Columns and number formats of all tables."""

from __future__ import annotations

from typing import Any, Literal

from rich import box
from rich.table import Table

NUMBER: Literal["right"] = "right"
TEXT: Literal["left"] = "left"


def make_table(headings: dict[str, Literal["left", "right"]]) -> Table:
    """An empty table; each heading has its alignment."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for heading, side in headings.items():
        table.add_column(heading, justify=side, overflow="fold")
    return table


def format_accuracy(evaluation: dict[str, Any]) -> str:
    """With its standard error, in percentage points."""
    return f"{format_percent(evaluation['accuracy'], 2)} ± {100 * evaluation['standard_error']:.2f}"


def format_number(value: str | float) -> str:
    """Three digits of a float; other values unchanged."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def format_percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction (0 to 1) in percent, or ``none``."""
    return "none" if fraction is None else f"{100 * fraction:.{digits}f} %"


def format_p_value(value: float) -> str:
    """A p-value, with its sign."""
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"
