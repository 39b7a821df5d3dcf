"""What a model says of pictures, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from clothier.cli.cells import NUMBER, WORD, columns, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from clothier.cli.show import Answer

BAR = 20  # characters of a probability of 1


def predictions(answers: Sequence[Answer]) -> RenderableType:
    """The classes of each picture, best first, with bars for their probabilities."""
    table = columns({"Picture": WORD, "Class": WORD, "Probability": NUMBER, "": WORD})
    for one in (answer.to_json() for answer in answers):
        if "error" in one:
            table.add_row(one["file"], Text("could not be read", style="red"))
        for place, guess in enumerate(one.get("top", ())):
            table.add_row(
                "" if place else one["file"],
                guess["class"],
                percent(guess["probability"]),
                Text("━" * round(BAR * guess["probability"]), style="dim" if place else "cyan"),
                style="dim" if place else "bold",
            )
    return table
