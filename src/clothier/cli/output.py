"""Results on stdout, everything else on stderr; under torchrun only rank 0 prints results."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import typer
from rich.console import Console
from rich.text import Text

from clothier.errors import StorageError
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rich.console import RenderableType

    from clothier.errors import CheckFailedError


_PIPE_WIDTH = 240  # characters a line


def print_result(result: Any, as_json: bool, render: Callable[[Any], RenderableType]) -> None:
    """Prints a result, or a list of results, on stdout: as JSON, or as the table that ``render`` makes of the JSON.

    ``result`` has a method ``to_json``, as all results of workflows.
    The JSON is ASCII with escapes, which every encoding of stdout can print. A table is as wide as the terminal; in a
    file or a pipe it is wide, so that paths are not broken.
    """
    if not is_main_process():
        return
    content = result.to_json() if hasattr(result, "to_json") else [one.to_json() for one in result]
    with writing_stdout():
        if as_json:
            print(json.dumps(content, indent=2, allow_nan=False))  # noqa: T201 - results belong on stdout
            return
        width = None if sys.stdout.isatty() else _PIPE_WIDTH
        console = Console(width=width, highlight=False, markup=False, emoji=False)
        console.print(render(_printable(content)), soft_wrap=width is not None)


def _printable(value: Any) -> Any:
    """JSON values whose texts a terminal can print, each on one line."""
    if isinstance(value, dict):
        return {_printable(name): _printable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(one) for one in value]
    return printable(value) if isinstance(value, str) else value


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def print_error(message: str) -> None:
    """Prints an error on stderr; a process of torchrun other than the first adds its rank."""
    if message:
        source = "" if is_main_process() else f"[rank {os.environ['RANK']}] "
        _print_stderr(Text.assemble((f"{source}Error: ", "bold red"), _printable_lines(message)))


def print_message(text: str) -> None:
    """Prints a message on stderr; wrapped between words on a terminal, one line in a log."""
    _print_stderr(_printable_lines(text))


def _print_stderr(text: Text | str) -> None:
    console = stderr_console()
    console.print(text, soft_wrap=not console.is_terminal)


def stderr_console() -> Console:
    """A console on stderr whose errors end no work."""
    return Console(file=cast("IO[str]", _Stderr()), highlight=False, markup=False, emoji=False)


class _Stderr:
    """stderr; when it is closed or its disk is full, what follows is discarded."""

    def __init__(self) -> None:
        self._stream = sys.stderr  # now: progress bars put their own in its place, which write to this one

    def write(self, text: str) -> int:
        with _discarding_on_error(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _discarding_on_error(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _discarding_on_error(stream: IO[str]) -> Iterator[None]:
    try:
        yield
    except OSError:
        discard(stream)


def print_photos_result(result: Any, as_json: bool, render: Callable[[Any], RenderableType]) -> None:
    """Prints the result of a command that reads the photos of a catalogue, its warnings and the photos that failed.

    ``result`` has ``warnings``, ``failures`` and their number, ``n_failed``. Ends the command with 3 if there are some.
    """
    print_result(result, as_json, render)
    for warning in result.warnings:
        print_message(warning)
    exit_on_failures((one.to_json() for one in result.failures), n_more=result.n_failed - len(result.failures))


def exit_on_failures(
    failures: Iterable[Mapping[str, Any]], unmet: CheckFailedError | None = None, *, n_more: int = 0
) -> None:
    """Names every input that failed on stderr, and ends the command with 3 if there is one.

    Args:
        failures: as ``FailedInput.to_json`` gives them.
        unmet: the check of the user that failed, if any; it takes precedence.
        n_more: failed inputs that are not in ``failures``.
    """
    failed = list(failures)
    for one in failed:
        file, message = one["file"], one["error"]["message"]
        print_message(printable(message if file in message else f"{file}: {message}"))  # a name may have lines, too
    if n_more:
        print_message(f"and {n_more:,} more; error_code in the output names them all.")
    if unmet:
        raise unmet
    if failed:
        raise typer.Exit(3)


def is_main_process() -> bool:
    """Whether this process prints results: it was not started by torchrun, or is rank 0."""
    return os.environ.get("RANK", "0") == "0" or "WORLD_SIZE" not in os.environ


@contextmanager
def writing_stdout() -> Iterator[None]:
    """Flushes stdout at the end of the block.

    Raises:
        BrokenPipeError: the reader of stdout has ended, as with ``| head``.
        StorageError: stdout cannot be written for another reason: it is closed, or on a full disk.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise StorageError(f"cannot write the result to stdout: {error.strerror}.") from error


def discard(stream: IO[str]) -> None:
    """Sends what is left to nowhere; otherwise Python tries to write it again at exit, and fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def prepare_streams() -> None:
    """Opens the standard streams that are closed, and lets all print what their encoding does not have, escaped.

    Otherwise the next file that is opened would get the number of a closed stream, and what libraries print would be
    written into it. A closed stdout gets a file that cannot be written, so that a result is not lost unnoticed.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, mode), number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
