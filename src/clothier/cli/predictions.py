"""What a model says of pictures, as a table: its classes, and what to do with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from clothier.cli.formatting import NUMBER, TEXT, format_percent, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clothier.cli.output import JsonResult

BAR_WIDTH = 20  # characters of a probability of 1
DECISION_COLORS = {"accept": "bold green", "review": "bold yellow", "reject": "bold red"}


def predictions_table(results: Sequence[JsonResult]) -> RenderableType:
    """The classes of each picture, best first, with bars for their probabilities; then the reasons, each once."""
    found = [answer.to_json() for answer in results]
    table = make_table({"Picture": TEXT, "Class": TEXT, "Probability": NUMBER, "": TEXT, "Decision": TEXT})
    if any("code" in one for one in found):
        table.add_column("Code", overflow="fold")
    for one in found:
        _add_rows(table, one)
    return Group(table, *_reason_lines(found))


def _add_rows(table: Table, prediction: dict[str, Any]) -> None:
    """A row a class; the decision beside the first."""
    if "error" in prediction:
        table.add_row(prediction["file"], Text("could not be read", style="red"))
    for place, guess in enumerate(prediction.get("top", ())):
        bar = Text("━" * round(BAR_WIDTH * guess["probability"]), style="dim" if place else "cyan")
        cells = ("" if place else prediction["file"], guess["class"], format_percent(guess["probability"]), bar)
        decided = () if place else (_decision_text(prediction), prediction.get("code", ""))
        table.add_row(*cells, *decided[: len(table.columns) - len(cells)], style="dim" if place else "bold")


def _decision_text(prediction: dict[str, Any]) -> Text:
    decision = prediction["decision"]
    return Text(decision or "none", style=DECISION_COLORS.get(decision, "dim"))


def _reason_lines(results: Sequence[dict[str, Any]]) -> list[RenderableType]:
    """Who answered and why, a paragraph each; what holds for several pictures is said once."""
    files: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if "error" not in one:
            files.setdefault((one["model"], one["reason"]), []).append(one["file"])
    alone = len(files) == 1
    return [
        Padding(
            Text.assemble("" if alone else f"{_summarize_files(names)}: ", (f"{model}: {reason}.", "dim")), (0, 0, 0, 2)
        )
        for (model, reason), names in files.items()
    ]


def _summarize_files(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
