"""Runs the examples of README.md and docs/, and updates the output that is printed with each. Run by ``make examples``.

An example is a block fenced as ``console`` that begins with ``$ clothier ...``, or a block fenced as ``python`` with a
``text`` block below it. ``<!-- not run -->`` above a block skips it: it takes minutes or needs the reader's data.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
INPUTS = ("examples", "src")  # what the examples read
WIDTH = 100  # characters a line
STYLE = re.compile(r"\x1b\[[0-9;]*m")  # bold, dim
NOT_RUN = "<!-- not run -->\n"
CONSOLE = r"```console\n\$ (?P<command>clothier [^\n]*)\n(?P<printed>.*?)```\n"
PYTHON = r"```python\n(?P<code>(?:(?!```).)*?)```\n\n```text\n(?P<shown>.*?)```\n"
EXAMPLE = re.compile(rf"^(?P<skip>{NOT_RUN})?(?:{CONSOLE}|{PYTHON})", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command or a snippet, and the output that a document prints for it."""

    source: str
    output: str
    is_command: bool

    def run(self, arguments: Sequence[str] = ()) -> str:
        """Today's output on a terminal, in a folder that has the inputs; ``arguments`` are added to a command.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        called = ["-m", *shlex.split(self.source), *arguments] if self.is_command else ["-c", self.source]
        return _tidy(_run_in_terminal([sys.executable, *called]))

    def shape(self, output: str) -> list[str]:
        """The words of an output, without numbers; of ``doctor``, which shows the machine, the names of its checks."""
        if self.source.startswith("clothier doctor"):
            return re.findall(r"^(?:ok|warn) +(\w+)", output, re.MULTILINE)
        return re.sub(r"\d[\d.,]*", "0", re.sub(r"[─━]+", "", output)).split()


def examples(text: str) -> list[Example]:
    """The examples of a document that can be run."""
    return [_example(found) for found in EXAMPLE.finditer(text) if not found["skip"]]


def updated(text: str) -> str:
    """A document with today's outputs."""
    return EXAMPLE.sub(lambda found: found[0] if found["skip"] else _with_output(found), text)


def _example(found: re.Match[str]) -> Example:
    is_command = found["command"] is not None
    source, output = ("command", "printed") if is_command else ("code", "shown")
    return Example(found[source], found[output], is_command)


def _with_output(found: re.Match[str]) -> str:
    example = _example(found)
    before = found[0].removesuffix(f"{example.output}```\n")
    return f"{before}{example.run()}```\n"


def _run_in_terminal(command: list[str]) -> str:
    """What a command prints on a terminal of WIDTH characters, without colors. What it writes is removed."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "xterm"}
    reader, terminal = os.openpty()
    with tempfile.TemporaryDirectory() as folder:
        for name in INPUTS:
            (Path(folder) / name).symlink_to(ROOT / name)
        with subprocess.Popen(command, cwd=folder, stdout=terminal, env=environment) as process:
            os.close(terminal)
            output = b"".join(iter(lambda: _read(reader), b""))
    os.close(reader)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return STYLE.sub("", output.decode()).replace("\r\n", "\n")


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # the terminal is closed
        return b""


def _tidy(output: str) -> str:
    """Without blanks at line ends, an indentation of all lines, empty lines around, and the user's home."""
    lines = [line.rstrip() for line in output.replace(str(Path.home()), "~").splitlines()]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(line[indent:] for line in lines).strip("\n") + "\n"


if __name__ == "__main__":
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        document.write_text(updated(text), encoding="utf-8")
