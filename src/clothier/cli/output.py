"""Results on stdout, everything else on stderr; under torchrun only rank 0 prints results."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.text import Text

from clothier.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from clothier.errors import CheckFailedError


class JsonResult(Protocol):
    """What a workflow returns."""

    def to_json(self) -> Any:
        """As ``--json`` prints it."""


_PIPE_WIDTH = 240  # characters a line


def print_result(
    result: JsonResult | Sequence[JsonResult], as_json: bool, render: Callable[[Any], RenderableType]
) -> None:
    """Prints a result, or a list of results, on stdout: as JSON, or as the table that ``render`` makes of the JSON."""
    if is_main_process():
        content = result.to_json() if hasattr(result, "to_json") else [one.to_json() for one in result]
        _print_json(content) if as_json else _print_table(render(content))


def print_error(message: str) -> None:
    """Prints an error on stderr; a process of torchrun other than the first adds its rank."""
    if message:
        source = "" if is_main_process() else f"[rank {os.environ['RANK']}] "
        print_message(Text.assemble((f"{source}Error: ", "bold red"), message))


def print_message(text: Text | str) -> None:
    """Prints a message on stderr; wrapped between words on a terminal, one line in a log."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(text, soft_wrap=not console.is_terminal)


def exit_on_failures(failures: Iterable[Mapping[str, Any]], unmet: CheckFailedError | None = None) -> None:
    """Names every input that failed on stderr, and ends the command with 3 if there is one.

    Args:
        failures: as ``FailedInput.to_json`` gives them.
        unmet: the check of the user that failed, if any; it takes precedence.

    Raises:
        CheckFailedError: ``unmet``.
        typer.Exit: some inputs failed.
    """
    failed = list(failures)
    for one in failed:
        file, message = one["file"], one["error"]["message"]
        print_message(message if file in message else f"{file}: {message}")
    if unmet:
        raise unmet
    if failed:
        raise typer.Exit(3)


def is_main_process() -> bool:
    """Whether this process prints results: it was not started by torchrun, or is rank 0."""
    return os.environ.get("RANK", "0") == "0" or "WORLD_SIZE" not in os.environ


def flush() -> None:
    """Flushes stdout.

    Raises:
        StorageError: stdout cannot be written, as on a full disk.
    """
    with _handle_stdout_errors():
        sys.stdout.flush()


@contextmanager
def _handle_stdout_errors() -> Iterator[None]:
    """Explains why stdout cannot be written; a closed pipe (``| head``) is no error."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at exit, and fails
        if error.errno != errno.EPIPE:
            raise StorageError(f"cannot write the result to stdout: {error.strerror}.") from error


def _print_table(content: RenderableType) -> None:
    """As wide as the terminal; wide in a file or a pipe, so that paths are not broken."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    with _handle_stdout_errors():
        Console(width=width, highlight=False, markup=False, emoji=False).print(content, soft_wrap=width is not None)


def _print_json(content: Any) -> None:
    """ASCII with escapes, which every encoding of stdout can print. NaN is refused: JSON has none."""
    with _handle_stdout_errors():
        print(json.dumps(content, indent=2, allow_nan=False))  # noqa: T201 - results belong on stdout
