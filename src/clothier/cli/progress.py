"""Progress on stderr: bars on a terminal, occasional lines in a log."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clothier import types
from clothier.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_DISPLAY_SECONDS = 1.0  # seconds; a bar for shorter work would only flicker
LOG_INTERVAL = 30.0  # seconds between two lines of one task in a log
COUNT_LIMIT = 1000  # totals below are shown as "3/5", others as a percentage


@contextmanager
def progress_display() -> Iterator[types.Progress]:
    """Yields the :class:`~clothier.types.Progress` that fits stderr."""
    import logging  # --help does without it

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it advises on its own cache where there is no home
    console = output.stderr_console()
    if not output.is_main_process():
        yield types.no_progress
    elif console.is_terminal:
        from clothier.cli.progress_bar import BarProgress

        with BarProgress(console=console) as bars:
            yield bars
    else:
        yield LogProgress()


@dataclass
class LogProgress:
    """In a log: one line when a task ends and every half minute before; none for tasks under a second."""

    times: dict[str, tuple[float, float]] = field(default_factory=dict)  # started, last printed

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        """Prints when ``task`` ends or its last line is old; a total of 0 means that ``note`` is a message."""
        if not total:
            output.print_message(note)
            return
        now = time.monotonic()
        started, printed = self.times.setdefault(task, (now, now))
        ended = done >= total and now - started >= MIN_DISPLAY_SECONDS
        if ended or now - printed >= LOG_INTERVAL:
            self.times[task] = started, now
            suffix = f", {note}" if note else ""
            output.print_message(f"{task}: {format_progress(done, total)}{suffix}, {now - started:.0f} s")
        if done >= total:
            del self.times[task]


def format_progress(done: float, total: float) -> str:
    """``3/5``, or a percentage of large totals."""
    return f"{int(done)}/{int(total)}" if total < COUNT_LIMIT else f"{100 * done / total:.0f} %"
