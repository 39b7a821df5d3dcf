"""Progress on stderr: bars on a terminal, now and then a line in a log."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from clothier import types
from clothier.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.progress import Task, TaskID
    from rich.table import Table

MIN_DISPLAY_SECONDS = 1.0  # seconds; what is done sooner needs no bar, and a bar that flashes up is a nuisance
LOG_INTERVAL = 30.0  # seconds between two lines of one task in a log: proof of life, without burying the rest
COUNT_LIMIT = 1000  # up to here "3/5" says more than "60 %"


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
    """A bar a task, on a terminal."""

    display: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Moves the bar of ``task``; a task without a size is a remark, kept above the bars."""
        if not total:
            self.display.console.print(note)
            return
        if task not in self.tasks:
            self.tasks[task] = self.display.add_task(task, note="")
        self.display.update(self.tasks[task], completed=done, total=total, note=note)
        if done >= total:
            del self.tasks[task]  # the same name again is a new round, with a bar of its own


@dataclass
class LogProgress:
    """In a log: a line when a task ends and every half minute before; none for what is done at once."""

    started: dict[str, float] = field(default_factory=dict)
    printed: dict[str, float] = field(default_factory=dict)

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Prints when ``task`` ends or was not heard of for long; a task without a size is a remark."""
        if not total:
            output.print_message(note)
            return
        now = time.monotonic()
        started = self.started.setdefault(task, now)
        ended = done >= total and now - started >= MIN_DISPLAY_SECONDS
        if now - self.printed.setdefault(task, now) >= LOG_INTERVAL or ended:
            self.printed[task] = now
            found = f", {note}" if note else ""
            output.print_message(f"{task}: {format_progress(done, total)}{found}, {now - started:.0f} s")
        if done >= total:
            del self.started[task], self.printed[task]


class _DelayedProgress(Progress):
    """Shows a task once it has run for a second, and keeps it from then on."""

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        return super().make_tasks_table([task for task in tasks if _elapsed(task) >= MIN_DISPLAY_SECONDS])


def _elapsed(task: Task) -> float:
    """How long a task ran, or has run so far."""
    return (task.finished_time if task.finished else task.elapsed) or 0.0


class _AmountColumn(ProgressColumn):
    """``3/5``, or a percentage of large totals."""

    def render(self, task: Task) -> Text:
        return Text(format_progress(task.completed, task.total or 1.0), justify="right")


def _columns() -> tuple[ProgressColumn, ...]:
    bar = BarColumn(bar_width=24, style="dim", complete_style="cyan", finished_style="cyan")
    remaining = TimeRemainingColumn(compact=True, elapsed_when_finished=True)
    return TextColumn("{task.description}", markup=False), bar, _AmountColumn(), remaining, _NoteColumn()


class _NoteColumn(ProgressColumn):
    """The latest finding."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["note"]), style="dim", overflow="ellipsis", no_wrap=True)


def format_progress(done: float, total: float) -> str:
    """How far: ``3/5`` finished, or a percentage where counting says little."""
    return f"{int(done)}/{int(total)}" if total < COUNT_LIMIT else f"{100 * done / total:.0f} %"
