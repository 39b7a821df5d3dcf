"""``clothier tag``.

clothier tag photos -o tags.csv
clothier tag delivery.zip -o tags.jsonl
clothier tag products.csv -o tags.parquet --id-column sku --taxonomy codes.toml
clothier tag photos --store postgresql://shop@db/catalogue --json
clothier tag photos -o tags.parquet --engine ray --address cluster.example:6379
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from clothier.cli import output
from clothier.cli.options import FileColumn, Json, ProductColumn
from clothier.cli.predict import Columns, Taxonomy, TrustModel
from clothier.cli.progress import progress_display
from clothier.errors import ADDRESS_WITHOUT_RAY, NO_OUTPUT, UsageError
from clothier.types import DEFAULT_MODEL

Source = Annotated[
    Path, typer.Argument(metavar="SOURCE", help="A folder or a ZIP file of photos, or a table of them: CSV or Parquet.")
]
Target = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Table to write: .csv, .jsonl or .parquet.")
]
StoreName = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|URL",
        help="Database that keeps all tags: a SQLite file, or postgresql://user@host/database. "
        "Default: a file beside the output.",
    ),
]
TaggingModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="RUN|NAME",
        help=f"A run folder, a bundle, or a bundled model. Default: the one promoted in the store, or {DEFAULT_MODEL}.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column with your id of each photo. Default: an id made from its content."),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Where the model runs: in this process, or on a Ray cluster (extra 'ray')."),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Ray cluster; 'auto' for the one that runs on this machine. Default: one is started for this run.",
    ),
]


def tag(
    source: Source,
    target: Target = None,
    store: StoreName = None,
    model: TaggingModel = None,
    taxonomy: Taxonomy = None,
    columns: Columns = None,
    file_column: FileColumn = None,
    id_column: IdColumn = None,
    product_column: ProductColumn = None,
    trust_model: TrustModel = False,
    engine: Engine = "local",
    address: Address = None,
    json: Json = False,
) -> None:
    """Tag all photos of a folder or a table. Run it again to continue, or after photos were added."""
    if target is None and store is None:
        raise UsageError(NO_OUTPUT)
    if address is not None and engine != "ray":
        raise UsageError(ADDRESS_WITHOUT_RAY)
    from clothier.cli.tables import tag_table
    from clothier.workflows.tag import tag as run_tagging

    with progress_display() as progress:
        result = run_tagging(
            source,
            target,
            store=store,
            model=model,
            taxonomy=taxonomy,
            columns=columns,
            file_column=file_column,
            id_column=id_column,
            product_column=product_column,
            trust_model=trust_model,
            engine=engine,
            address=address,
            progress=progress,
        )
    output.print_photos_result(result, json, tag_table)
