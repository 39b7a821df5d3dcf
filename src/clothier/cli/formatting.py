"""What the tables of every command are made of: columns, and how numbers are told in them."""

from __future__ import annotations

from typing import Any, Literal

from rich import box
from rich.table import Table

NUMBER: Literal["right"] = "right"
TEXT: Literal["left"] = "left"


def make_table(headings: dict[str, Literal["left", "right"]]) -> Table:
    """An empty table, from each heading and its side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for heading, side in headings.items():
        table.add_column(heading, justify=side, overflow="fold")
    return table


def format_accuracy(evaluation: dict[str, Any]) -> str:
    """With its standard error, in points."""
    return f"{format_percent(evaluation['accuracy'], 2)} ± {100 * evaluation['standard_error']:.2f}"


def format_number(value: str | float) -> str:
    """Three digits of a number, and a word as it is."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def format_percent(fraction: float, digits: int = 1) -> str:
    """A share of 1 in percent."""
    return f"{100 * fraction:.{digits}f} %"


def format_p_value(value: float) -> str:
    """A p-value, with its sign."""
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"
