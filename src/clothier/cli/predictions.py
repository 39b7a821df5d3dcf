"""Predictions as a table: the classes of each image, and the decision."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import Indented, format_percent, make_table
from clothier.cli.tables import catalogue_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

BAR_WIDTH = 20  # characters of a probability of 1
MAX_DETAILED = 10  # images with all classes and reasons; more have a line each
DECISION_COLORS = {"accept": "bold green", "review": "bold yellow", "reject": "bold red"}


def predictions_table(results: Sequence[dict[str, Any]]) -> RenderableType:
    """What the limits are, then the classes of each image, best first, with bars; then the reasons, each once.

    Of more than :data:`MAX_DETAILED` images only the best class; totals follow.
    """
    is_short = len(results) <= MAX_DETAILED
    code = ["Code"] if any("code" in one for one in results) else []
    table = make_table(["Image", "Class", "Probability", "", "Decision", *code], text=["Class", "", "Decision", *code])
    for one in results:
        if "error" in one:
            failed = "could not be saved" if one["error"]["code"] == "not-saved" else "could not be read"
            table.add_row(one["file"], Text(failed, style="red"))
        for rank, guess in enumerate(one.get("top", ())[: None if is_short else 1]):
            bar = Text("━" * round(BAR_WIDTH * guess["probability"]), style="dim" if rank else "cyan")
            cells = [guess["class"], format_percent(guess["probability"]), bar]
            if not rank:
                decision = Text(one["decision"] or "uncalibrated", style=DECISION_COLORS.get(one["decision"], "dim"))
                cells += [decision, *(one.get("code", "") for _ in code)]
            table.add_row("" if rank else one["file"], *cells, style="dim" if rank else "bold")
    below = _reason_lines(results) if is_short else [_totals(results)]
    return Group(*_limit_lines(results), table, *below, *_note_lines(results), *_catalogue_lines(results))


def _limit_lines(results: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """What the limits of each model guarantee, what they come from, and how many images they accept."""
    decisions: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if "limits" in one:
            decisions.setdefault((one["model"], one["limits"]), []).append(one["decision"])
    for (model, limits), decided in decisions.items():
        yield Text()
        yield Indented(Text(f"{model}: {decided.count('accept'):,} of {len(decided):,} accepted. {limits}"), 1)


def _totals(results: Sequence[dict[str, Any]]) -> RenderableType:
    """How many images have each decision."""
    counts = Counter("failed" if "error" in one else one["decision"] or "uncalibrated" for one in results)
    parts = ", ".join(f"{n:,} {name}" for name, n in counts.most_common())
    return Indented(Text(f"{len(results):,} images: {parts}"), 1)


def _catalogue_lines(results: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """That the images are unlike the training images, or too few to tell; once for all."""
    shift = next((one["catalogue"] for one in results if "catalogue" in one), None)
    if line := catalogue_line(shift):
        yield Indented(Text(line))


def _reason_lines(results: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """The model and its reason, one line each; a reason that several images share is printed once."""
    files: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if "error" not in one:
            files.setdefault((one["model"], one["reason"]), []).append(one["file"])
    for (model, reason), names in files.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        prefix = f"{names[0]}{others}: " if len(files) > 1 else ""
        yield Indented(Text.assemble(prefix, (f"{model}: {reason}", "dim")))


def _note_lines(results: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """What was ignored or missing in the image files."""
    for one in results:
        for note in one.get("notes", ()):
            yield Indented(Text.assemble(f"{one['file']}: ", (note, "dim")))
