"""Tables, and the format of the numbers in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from clothier.report.formatting import spread_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType


def make_table(
    headings: Sequence[str], rows: Iterable[Sequence[RenderableType]] = (), text: Collection[str] = ()
) -> Table:
    """A table. Numbers are aligned to the right; the first column and those named in ``text`` to the left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for heading in headings:
        is_text = heading in (headings[0], *text)
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


@dataclass(frozen=True, slots=True)
class Indented:
    """A text behind ``left`` spaces: wrapped on a terminal, one whole line where nothing wraps."""

    text: Text
    left: int = 2

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """A padding would cut the line at the console's width."""
        whole = options.no_wrap
        yield Text(" " * self.left).append_text(self.text) if whole else Padding(self.text, (0, 0, 0, self.left))


def format_accuracy(evaluation: dict[str, Any]) -> str:
    """With its standard error, in percentage points, or its interval where that would be 0."""
    return f"{format_percent(evaluation['accuracy'], 2)} {spread_of(evaluation)}"


def format_percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction (0 to 1) in percent, or ``none``."""
    return "none" if fraction is None else f"{100 * fraction:.{digits}f} %"


def format_percents(values: dict[str, Any], *names: str, digits: int = 1) -> tuple[str, ...]:
    """Several fractions of ``values`` in percent."""
    return tuple(format_percent(values[name], digits) for name in names)
