"""Similar photos as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType


def neighbors_table(results: Sequence[dict[str, Any]]) -> RenderableType:
    """The neighbors of each image, best first; then notes."""
    table = make_table(["Image", "Similar photo", "Item", "Score"], text=["Similar photo", "Item"])
    for one in results:
        if "error" in one:
            table.add_row(one["file"], Text("could not be compared", style="red"))
            continue
        found = one["neighbours"] or [{"file": Text("none", style="dim"), "item_id": "", "score": None}]
        for rank, neighbor in enumerate(found):
            score = "" if neighbor["score"] is None else f"{neighbor['score']:.3f}"
            table.add_row("" if rank else one["file"], neighbor["file"], neighbor["item_id"], score)
    notes = [f"{one['file']}: {note}" for one in results for note in one.get("notes", ())]
    return Group(table, *notes)
