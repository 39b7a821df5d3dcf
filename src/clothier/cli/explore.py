"""``clothier explore``."""

from typing import Annotated

import typer

from clothier.cli import show, tables
from clothier.cli.options import AnyIdx, Data, Json, Out, Seed, only_given
from clothier.cli.progress import watching

Map = Annotated[
    str, typer.Option("--map", metavar="pixels|cnn|none", help="What the map lays out: pixels, or a CNN's embeddings.")
]
Audit = Annotated[
    str, typer.Option("--audit", metavar="duplicates|labels", help="Duplicates and outliers, or labels, too.")
]


def explore(
    out: Out = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    seed: Seed = None,
    map_: Map = "pixels",
    audit: Audit = "duplicates",
    json: Json = False,
) -> None:
    """Look at the data: classes, pixels, principal components; figures and a page."""
    from clothier.workflows.explore import explore as look

    given = only_given(out=out, data=data, any_idx=any_idx, seed=seed, map=map_, audit=audit)
    with watching() as progress:
        explored = look(**given, progress=progress)
    show.answer(explored, json, tables.exploration)
    failures = explored.to_json()["failures"]
    for one in failures:
        show.note(one["error"]["message"])
    if failures:
        raise typer.Exit(3)
