"""``clothier explore``."""

from typing import Annotated

import typer

from clothier.cli import output, tables
from clothier.cli.options import AnyIdx, Data, Json, Out, Seed, drop_unset
from clothier.cli.progress import progress_display

Map = Annotated[
    str, typer.Option("--map", metavar="pixels|cnn|none", help="What the map lays out: pixels, or a CNN's embeddings.")
]
Perplexity = Annotated[
    float | None,
    typer.Option("--perplexity", metavar="P", help="Neighbours that the map holds each picture to. Default: 30."),
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
    perplexity: Perplexity = None,
    audit: Audit = "duplicates",
    json: Json = False,
) -> None:
    """Look at the data: classes, pixels, components, duplicates, a map; figures and pages."""
    from clothier.workflows.explore import explore as look

    given = drop_unset(out=out, data=data, any_idx=any_idx, seed=seed, map=map_, perplexity=perplexity, audit=audit)
    with progress_display() as progress:
        explored = look(**given, progress=progress)
    output.print_result(explored, json, tables.exploration_table)
    failures = explored.to_json()["failures"]
    for one in failures:
        output.print_message(one["error"]["message"])
    if failures:
        raise typer.Exit(3)
