"""The two channels: results on stdout, everything else on stderr; under torchrun only the first process speaks."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rich.console import Console
from rich.text import Text

from clothier.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from clothier.types import FailedInput


class JsonResult(Protocol):
    """What a workflow returns."""

    def to_json(self) -> Any:
        """As ``--json`` prints it."""


_PIPE_WIDTH = 240  # characters a line
ResultT = TypeVar("ResultT", bound=JsonResult)


def print_result(result: ResultT, as_json: bool, render: Callable[[ResultT], RenderableType]) -> None:
    """Prints a result on stdout: JSON alone, or a table for people."""
    if is_main_process():
        _print_json(result.to_json()) if as_json else _print_table(render(result))


def print_results(
    results: Sequence[ResultT], as_json: bool, render: Callable[[Sequence[ResultT]], RenderableType]
) -> None:
    """The same for a list of results; as JSON always a list."""
    if is_main_process():
        _print_json([one.to_json() for one in results]) if as_json else _print_table(render(results))


def print_error(message: str) -> None:
    """Prints what went wrong on stderr; other processes of torchrun say which they are."""
    if message:
        source = "" if is_main_process() else f"[rank {os.environ['RANK']}] "
        print_message(Text.assemble((f"{source}Error: ", "bold red"), message))


def print_message(text: Text | str) -> None:
    """Prints a sentence on stderr as it is; wrapped between words on a terminal, unbroken in a log."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(text, soft_wrap=not console.is_terminal)


def print_failures(failed: Iterable[FailedInput]) -> None:
    """Names every input that could not be taken, on stderr."""
    for one in failed:
        print_message(one.message if one.file in one.message else f"{one.file}: {one.message}")


def is_main_process() -> bool:
    """Whether this process is the one that speaks: not started by torchrun, or its rank 0."""
    return os.environ.get("RANK", "0") == "0" or "WORLD_SIZE" not in os.environ


def flush() -> None:
    """Makes sure that what was printed has arrived.

    Raises:
        StorageError: stdout refused, as on a full disk.
    """
    with _handle_stdout_errors():
        sys.stdout.flush()


@contextmanager
def _handle_stdout_errors() -> Iterator[None]:
    """Explains a stdout that refuses; a reader that has gone away (``| head``) is no failure."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at exit, and fails
        if error.errno != errno.EPIPE:
            raise StorageError(f"cannot write the result to stdout: {error.strerror}.") from error


def _print_table(content: RenderableType) -> None:
    """As wide as the terminal; in a file or a pipe as wide as it needs, so that paths stay whole."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    with _handle_stdout_errors():
        Console(width=width, highlight=False, markup=False, emoji=False).print(content, soft_wrap=width is not None)


def _print_json(content: Any) -> None:
    """ASCII with escapes, for whatever encoding stdout has. NaN is refused: JSON has none."""
    with _handle_stdout_errors():
        print(json.dumps(content, indent=2, allow_nan=False))  # noqa: T201 - results belong on stdout
