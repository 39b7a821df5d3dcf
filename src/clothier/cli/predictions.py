"""Predictions as a table: the classes of each image, and the decision."""

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

BAR_WIDTH = 20  # characters of a probability of 1
DECISION_COLORS = {"accept": "bold green", "review": "bold yellow", "reject": "bold red"}


def predictions_table(results: Sequence[dict[str, Any]]) -> RenderableType:
    """The classes of each image, best first, with bars for their probabilities; then the reasons, each once."""
    table = make_table({"Image": TEXT, "Class": TEXT, "Probability": NUMBER, "": TEXT, "Decision": TEXT})
    if any("code" in one for one in results):
        table.add_column("Code", overflow="fold")
    for one in results:
        _add_rows(table, one)
    return Group(table, *_reason_lines(results))


def _add_rows(table: Table, prediction: dict[str, Any]) -> None:
    """One row per class; the first has the decision."""
    if "error" in prediction:
        table.add_row(prediction["file"], Text("could not be read", style="red"))
    for rank, guess in enumerate(prediction.get("top", ())):
        bar = Text("━" * round(BAR_WIDTH * guess["probability"]), style="dim" if rank else "cyan")
        cells = ("" if rank else prediction["file"], guess["class"], format_percent(guess["probability"]), bar)
        decision = () if rank else (_decision_text(prediction), prediction.get("code", ""))
        table.add_row(*cells, *decision[: len(table.columns) - len(cells)], style="dim" if rank else "bold")


def _decision_text(prediction: dict[str, Any]) -> Text:
    decision = prediction["decision"]
    return Text(decision or "none", style=DECISION_COLORS.get(decision, "dim"))


def _reason_lines(results: Sequence[dict[str, Any]]) -> list[RenderableType]:
    """The model and its reason, one paragraph each; a reason that several images share is printed once."""
    files: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if "error" not in one:
            files.setdefault((one["model"], one["reason"]), []).append(one["file"])
    paragraphs: list[RenderableType] = []
    for (model, reason), names in files.items():
        prefix = "" if len(files) == 1 else f"{_summarize_files(names)}: "
        paragraphs.append(Padding(Text.assemble(prefix, (f"{model}: {reason}", "dim")), (0, 0, 0, 2)))
    return paragraphs


def _summarize_files(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
