"""The review of tags in a terminal: one key for each answer. Without a terminal, each line is an answer."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from clothier.catalogue.review.corrections import locate
from clothier.cli import output
from clothier.cli.formatting import format_percent
from clothier.errors import UnknownNameError, UsageError
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clothier.catalogue.review.desk import ReviewDesk
    from clothier.catalogue.review.queue import ReviewItem
    from clothier.data.photo_paths import PhotoFinder

KEYS = "a accept   1-9 class   m more classes   n none of the classes   u undo   s skip   q quit"
ANSWERS = "anus123456789"
PAGE = 9  # classes that have a key
GLANCE = 0.3  # seconds: nobody sees a photo and presses a key in less; a held key or a typed word does
PAUSE = 1.0  # seconds without a key that end a typed word
CTRL_D = "\x04"


def review_in_terminal(desk: ReviewDesk) -> None:
    """Goes through the queue until it is empty, or the reviewer quits or sends the end of the input.

    The items are shown on stderr.

    Raises:
        KeyboardInterrupt: Ctrl-C. What was said before is in the store.
    """
    if sys.stdin.isatty():
        with _single_keys():
            _review(desk, is_terminal=True)
    else:
        _review(desk, is_terminal=False)


def _review(desk: ReviewDesk, is_terminal: bool) -> None:
    finders: dict[str, PhotoFinder] = {}
    output.print_message(KEYS)
    shown, first = None, 0  # the item on the screen, and the first of its classes that has a key
    while item := desk.current:
        if item is not shown:
            shown, first = item, 0
            _show(item, finders)
            _show_classes(desk.classes(), first)
            if is_terminal and _drop_keys(GLANCE):
                output.print_message(f"Keys within {GLANCE} s of a new photo, and those that follow, are ignored.")
        answer = _read_key() if is_terminal else _read_line()
        if answer in ("", "q", CTRL_D):
            return
        if answer == "m":
            first = first + PAGE if first + PAGE < len(desk.classes()) else 0
            _show_classes(desk.classes(), first)
        elif is_terminal and answer not in ANSWERS:
            output.print_message(f"No such key. {KEYS}")
            _drop_keys(PAUSE)
        else:
            _answer(desk, answer, first)
    output.print_message("Nothing is left to review.")


def _answer(desk: ReviewDesk, answer: str, first: int) -> None:
    """Does what an answer says; what cannot be done is told, and the item stays."""
    actions: dict[str, Callable[[], str | None]] = {
        "a": desk.accept,
        "n": lambda: desk.correct(None),
        "u": desk.undo,
        "s": desk.skip,
    }
    try:
        if answer in actions:
            message = actions[answer]()
        elif answer.isdecimal() and len(answer) == 1:
            message = desk.correct(_class_at(desk.classes(), first, int(answer)))
        else:
            message = desk.correct(answer)
    except (UnknownNameError, UsageError) as error:
        message = str(error)
    if message:
        output.print_message(message)


def _class_at(classes: list[str], first: int, key: int) -> str:
    """The class of a key.

    Raises:
        UsageError: no class has it.
    """
    here = classes[first : first + PAGE]
    if not 1 <= key <= len(here):
        raise UsageError(f"the key {key} has no class here; the keys are 1 to {len(here)}.")
    return here[key - 1]


def _show(item: ReviewItem, finders: dict[str, PhotoFinder]) -> None:
    path = locate(item.source, item.file, finders)
    top = "   ".join(f"{name} {format_percent(probability)}" for name, probability in item.top)
    facts = [item.color, f"product {item.product}" if item.product else "", "random sample" if item.is_sample else ""]
    console = output.stderr_console()
    console.print()
    console.print(Text(printable(str(path or item.file)), style="bold"), soft_wrap=True)
    console.print(Text(printable(top)), soft_wrap=True)
    console.print(Text(printable(f"{item.decision or 'uncalibrated'}: {item.reason}"), style="dim"))
    if line := "   ".join(one for one in facts if one):
        console.print(Text(printable(line), style="dim"))


def _show_classes(classes: list[str], first: int) -> None:
    here = classes[first : first + PAGE]
    more = "   m more" if len(classes) > PAGE else ""
    output.print_message("   ".join(f"{key} {name}" for key, name in enumerate(here, 1)) + more)


def _read_line() -> str:
    """The next line with an answer; "" at the end of the input."""
    for line in sys.stdin:
        if answer := line.strip():
            return answer
    return ""


def _read_key() -> str:
    """The next key, without waiting for Enter; "" at the end of the input."""
    # Not sys.stdin.read(): its buffer would hide keys from _drop_keys.
    while key := os.read(sys.stdin.fileno(), 1).decode(errors="replace"):
        if key == CTRL_D or key.strip():
            return key
    return ""


def _drop_keys(seconds: float) -> bool:
    """Ignores the keys of the next ``seconds``, and those that follow them without a pause; whether there were any."""
    n_dropped = 0
    while select.select([sys.stdin], [], [], PAUSE if n_dropped else seconds)[0]:
        if not (keys := os.read(sys.stdin.fileno(), 1024)):
            break
        n_dropped += len(keys)
    return n_dropped > 0


@contextmanager
def _single_keys() -> Iterator[None]:
    """Keys arrive at once and are not shown; Ctrl-C still is a signal. The terminal is as before afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
