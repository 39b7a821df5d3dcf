"""``clothier explore``.

clothier explore
clothier explore --map cnn --out runs/cnn-map
clothier explore --data photos --map none
clothier explore --data labels.csv --group-column product
clothier explore --audit labels --json
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import AnyIdx, FileColumn, GroupColumn, Json, LabelColumn, Out, Seed, columns_from, drop_unset
from clothier.cli.progress import progress_display

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Folder of the data, or CSV of labeled images. Default: Fashion-MNIST, found or downloaded.",
    ),
]
Map = Annotated[
    str, typer.Option("--map", metavar="pixels|cnn|none", help="Features of the t-SNE map: pixels or CNN embeddings.")
]
Perplexity = Annotated[
    float | None, typer.Option(metavar="P", help="Effective number of neighbors of the t-SNE map. Default: 30.")
]
Audit = Annotated[
    str, typer.Option(metavar="duplicates|labels", help="Find duplicates and outliers, or label errors as well.")
]


def explore(
    out: Out = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    seed: Seed = None,
    map_: Map = "pixels",
    perplexity: Perplexity = None,
    audit: Audit = "duplicates",
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    json: Json = False,
) -> None:
    """Explore the data: class counts, pixels, PCA, duplicates and a t-SNE map, as figures and HTML pages."""
    from clothier.cli.tables import exploration_table
    from clothier.exploration.options import ExploreOptions

    ExploreOptions(map=map_, perplexity=perplexity, audit=audit)  # wrong options are an error before torch is loaded
    from clothier.workflows.explore import explore as run_exploration

    given = drop_unset(out=out, data=data, any_idx=any_idx, seed=seed, map=map_, perplexity=perplexity, audit=audit)
    columns = columns_from(file_column, label_column, group_column)
    with progress_display() as progress:
        result = run_exploration(columns=columns, **given, progress=progress)
    output.print_result(result, json, exploration_table)
    output.exit_on_failures(result.to_json()["failures"])
