"""Writes docs/cli.md from what ``--help`` prints. Run by ``make cli-docs``; a test compares the two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.main import get_command

from clothier.cli.app import app
from clothier.cli.main import __doc__ as endings

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
WIDTH = 96  # characters a line
INTRODUCTION = """\
# The command line

Made by `make cli-docs` from what `--help` prints.

Results go to stdout, progress and remarks to stderr. `--json` prints JSON and nothing else on stdout. Bars show on a
terminal, for what takes longer than a second; in a log there is a line when a step ends, and one every half minute
before that. `NO_COLOR` is heeded. A failure is one or two sentences; `--debug`, anywhere, adds the traceback.

Environment: `CLOTHIER_CACHE` is the folder where fetched data are kept.
"""


def page() -> str:
    """The whole page."""
    commands = list(getattr(get_command(app), "commands", {}))
    sections = [_section("clothier"), *(_section(f"clothier {name}", name) for name in commands)]
    return "\n".join([INTRODUCTION, _exit_codes(), *sections])


def _section(title: str, *command: str) -> str:
    return f"## `{title}`\n\n```text\n{_help(*command)}\n```\n"


def _help(*command: str) -> str:
    """What ``--help`` prints, without colours and blanks at line ends."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    for forced in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH"):
        environment.pop(forced, None)
    printed = subprocess.run(
        [sys.executable, "-m", "clothier", *command, "--help"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in printed.stdout.strip("\n").splitlines()).strip("\n")


def _exit_codes() -> str:
    """The table of exit codes, from the words of the door itself."""
    rows = [line.split(maxsplit=1) for line in (endings or "").splitlines() if line.strip()[:1].isdigit()]
    lines = [f"| {code} | {meaning} |" for code, meaning in rows]
    remark = (
        "With `--json` an error leaves stdout empty, unless the work was done (codes 3 and 5): then stdout holds its "
        "whole, valid JSON."
    )
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *lines, "", remark, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
