"""The entry point: runs one command line and turns every error into a message on stderr and an exit code.

With ``--json`` an error leaves stdout empty, unless the work was done (codes 3 and 5): then stdout holds complete,
valid JSON.
"""

from __future__ import annotations

import errno
import shlex
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from typer.main import get_command

from clothier import atomic
from clothier.cli import output
from clothier.cli.app import app
from clothier.errors import ClothierError, Interrupted, MissingExtraError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXIT_CODES = {
    0: "success",
    1: "unexpected error, or a file could not be written",
    2: "invalid command line",
    3: "done, but some inputs failed; each is named",
    4: "data or a model is missing or damaged",
    5: "done, but a check (`--fail-under`, `--strict`) failed",
    130: "interrupted; a run in progress can be resumed",
    141: "the reader of stdout ended, as with `| head`",
}
STDOUT_ERRNOS = atomic.DISK_ERRNOS | {errno.EBADF, errno.EIO}
CLOSED_PIPE = 141  # as the shell reports a command that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        arguments: what follows ``clothier``; None takes this process's own.

    Returns:
        The exit code, one of :data:`EXIT_CODES`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    ordered, debug = hoist_debug(given)
    output.prepare_streams()
    try:
        with _sigterm_as_ctrl_c():
            code = _run(ordered)
        with output.writing_stdout():
            return code
    except SystemExit:  # by rich, when the reader of the help has ended
        return CLOSED_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every error gets a message and an exit code
        return _report(error, given, debug)


def _report(error: BaseException, arguments: Sequence[str], debug: bool) -> int:
    """Prints an error and returns the exit code."""
    if isinstance(error, BrokenPipeError):
        output.discard(sys.stdout)
        return CLOSED_PIPE
    if isinstance(error, OSError) and error.filename is None and error.errno in STDOUT_ERRNOS:  # by --help
        output.discard(sys.stdout)
        error = StorageError(f"cannot write to stdout: {error.strerror}.")
    if debug:
        traceback.print_exception(error)
    message, code = explain(error, arguments)
    output.print_error(message)
    return code


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM within the block cleans up and names ``--resume``, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: list[str]) -> int:
    """As typer's own ``main``, which would replace KeyboardInterrupt by a bare exit."""
    command = get_command(app)
    try:
        with command.make_context("clothier", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def hoist_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Moves ``--debug`` to the front, where it is declared, so that it can be given anywhere before ``--``."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    rest = [word for word in arguments[:end] if word != "--debug"] + list(arguments[end:])
    return (rest, False) if len(rest) == len(arguments) else (["--debug", *rest], True)


def explain(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    """The message for the user and the exit code."""
    if isinstance(error, typer.TyperException):
        return _usage_message(error), error.exit_code
    if isinstance(error, ClothierError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError):
        words = [word for word in arguments if not word.startswith("-")]
        missing = MissingExtraError.from_import_error(error, " ".join(["clothier", *words[:1]]))
        if missing is not None:
            return str(missing), missing.exit_code
    if isinstance(error, Interrupted) and error.run is None:
        return "interrupted. Progress is saved; run the same command again to continue.", 130
    if isinstance(error, Interrupted):
        command = f"clothier {error.command} --resume {shlex.quote(str(error.run))}"
        return f"interrupted. Progress is saved; resume with: {command}", 130
    if isinstance(error, KeyboardInterrupt) or _was_interrupted(error):
        return "interrupted.", 130
    name = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"internal error: {name}. Run the command again with --debug and report the output.", 1


def _was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is the cause: while a module is imported, it can come as an ImportError."""
    cause = error.__cause__ or error.__context__
    return isinstance(error, ImportError) and isinstance(cause, KeyboardInterrupt)


def _usage_message(error: typer.TyperException) -> str:
    """Typer's own message and where to read more; empty when the help was printed."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if not message:
        return ""
    command = context.command_path if context else "clothier"
    return f"{message.rstrip('.?')}{'?' if message.endswith('?') else '.'} See: {command} --help"
