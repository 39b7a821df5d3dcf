"""What a model says of pictures, as a table: its classes, and what to do with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from clothier.cli.formatting import NUMBER, WORD, columns, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clothier.cli.output import Answer

BAR = 20  # characters of a probability of 1
COLOURS = {"accept": "bold green", "review": "bold yellow", "reject": "bold red"}


def predictions(answers: Sequence[Answer]) -> RenderableType:
    """The classes of each picture, best first, with bars for their probabilities; then the reasons, each once."""
    found = [answer.to_json() for answer in answers]
    table = columns({"Picture": WORD, "Class": WORD, "Probability": NUMBER, "": WORD, "Decision": WORD})
    if any("code" in one for one in found):
        table.add_column("Code", overflow="fold")
    for one in found:
        _add(table, one)
    return Group(table, *_reasons(found))


def _add(table: Table, one: dict[str, Any]) -> None:
    """A row a class; the decision beside the first."""
    if "error" in one:
        table.add_row(one["file"], Text("could not be read", style="red"))
    for place, guess in enumerate(one.get("top", ())):
        bar = Text("━" * round(BAR * guess["probability"]), style="dim" if place else "cyan")
        cells = ("" if place else one["file"], guess["class"], percent(guess["probability"]), bar)
        decided = () if place else (_decision(one), one.get("code", ""))
        table.add_row(*cells, *decided[: len(table.columns) - len(cells)], style="dim" if place else "bold")


def _decision(one: dict[str, Any]) -> Text:
    decision = one["decision"]
    return Text(decision or "none", style=COLOURS.get(decision, "dim"))


def _reasons(found: Sequence[dict[str, Any]]) -> list[RenderableType]:
    """Who answered and why, a paragraph each; what holds for several pictures is said once."""
    files: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if "error" not in one:
            files.setdefault((one["model"], one["reason"]), []).append(one["file"])
    alone = len(files) == 1
    return [
        Padding(Text.assemble("" if alone else f"{_named(names)}: ", (f"{model}: {reason}.", "dim")), (0, 0, 0, 2))
        for (model, reason), names in files.items()
    ]


def _named(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
