"""Progress on stderr: bars on a terminal, occasional lines in a log."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from clothier import types
from clothier.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.progress import Task, TaskID
    from rich.table import Table

MIN_DISPLAY_SECONDS = 1.0  # seconds; a bar for shorter work would only flicker
LOG_INTERVAL = 30.0  # seconds between two lines of one task in a log
COUNT_LIMIT = 1000  # totals below are shown as "3/5", others as a percentage


@contextmanager
def progress_display() -> Iterator[types.Progress]:
    """Yields the :class:`~clothier.types.Progress` that fits stderr."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not output.is_main_process():
        yield types.no_progress
    elif console.is_terminal:
        with _DelayedProgress(*_columns(), console=console) as display:
            yield BarProgress(display)
    else:
        yield LogProgress()


@dataclass
class BarProgress:
    """One bar per task, on a terminal."""

    display: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Moves the bar of ``task``; a total of 0 means that ``note`` is a message, printed above the bars."""
        if not total:
            self.display.console.print(note)
            return
        if task not in self.tasks:
            self.tasks[task] = self.display.add_task(task, amount="", note="")
        amount = format_progress(done, total)
        self.display.update(self.tasks[task], completed=done, total=total, amount=amount, note=note)
        if done >= total:
            del self.tasks[task]  # the same name again gets a new bar


@dataclass
class LogProgress:
    """In a log: one line when a task ends and every half minute before; none for tasks under a second."""

    started: dict[str, float] = field(default_factory=dict)
    printed: dict[str, float] = field(default_factory=dict)

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Prints when ``task`` ends or its last line is old; a total of 0 means that ``note`` is a message."""
        if not total:
            output.print_message(note)
            return
        now = time.monotonic()
        started = self.started.setdefault(task, now)
        ended = done >= total and now - started >= MIN_DISPLAY_SECONDS
        if now - self.printed.setdefault(task, now) >= LOG_INTERVAL or ended:
            self.printed[task] = now
            suffix = f", {note}" if note else ""
            output.print_message(f"{task}: {format_progress(done, total)}{suffix}, {now - started:.0f} s")
        if done >= total:
            del self.started[task], self.printed[task]


class _DelayedProgress(Progress):
    """Shows a task once it has run for a second, and keeps it from then on."""

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        return super().make_tasks_table([task for task in tasks if _elapsed(task) >= MIN_DISPLAY_SECONDS])


def _elapsed(task: Task) -> float:
    return (task.finished_time if task.finished else task.elapsed) or 0.0


def _columns() -> tuple[ProgressColumn, ...]:
    one_line = Column(no_wrap=True, overflow="ellipsis")
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24, style="dim", complete_style="cyan", finished_style="cyan"),
        TextColumn("{task.fields[amount]}", markup=False, justify="right"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=one_line),
    )


def format_progress(done: float, total: float) -> str:
    """``3/5``, or a percentage of large totals."""
    return f"{int(done)}/{int(total)}" if total < COUNT_LIMIT else f"{100 * done / total:.0f} %"
