"""Progress bars. A module of its own, because importing it takes a twentieth of the time of ``--help``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from clothier.cli.progress import MIN_DISPLAY_SECONDS, format_progress
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.progress import ProgressColumn, Task
    from rich.table import Table


class BarProgress(Progress):
    """One bar per task, on a terminal. It appears once the task has run for a second, and stays."""

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Moves the bar of ``task``; a total of 0 means that ``note`` is a message, printed above the bars."""
        task, note = printable(task), printable(note)
        if not total:
            self.console.print(note)
            return
        running = (one.id for one in self.tasks if one.description == task and not one.finished)
        bar = next(running, None)  # the same name again gets a new bar
        if bar is None:
            bar = self.add_task(task, total=total, amount="", note="")
        self.update(bar, completed=done, total=total, amount=format_progress(done, total), note=note)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Leaves out tasks that have not run for a second."""
        return super().make_tasks_table([one for one in tasks if _elapsed(one) >= MIN_DISPLAY_SECONDS])

    @classmethod
    def get_default_columns(cls) -> tuple[ProgressColumn, ...]:
        """Name, bar, amount, time and note of a task."""
        return (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24, style="dim", complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.fields[amount]}", markup=False, justify="right"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn(
                "{task.fields[note]}", style="dim", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
            ),
        )


def _elapsed(task: Task) -> float:
    return (task.finished_time if task.finished else task.elapsed) or 0.0
