"""``clothier duplicates``.

clothier duplicates tags.db
clothier duplicates photos -o duplicates.csv
clothier duplicates products.csv -o duplicates.csv --id-column sku --product-column style
clothier duplicates postgresql://shop@db/catalogue -o duplicates.parquet --json
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.index import ProductColumn, Source
from clothier.cli.options import FileColumn, Json
from clothier.cli.progress import progress_display
from clothier.cli.tag import IdColumn, TaggingModel

Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Table to write: .csv, .jsonl or .parquet. PHOTOS need one; their store is beside it.",
    ),
]


def duplicates(
    source: Source,
    target: Target = None,
    model: TaggingModel = None,
    file_column: FileColumn = None,
    id_column: IdColumn = None,
    product_column: ProductColumn = None,
    json: Json = False,
) -> None:
    """Find photos that show the same picture, in any size or format, and the best of each group. Deletes nothing."""
    from clothier.cli.tables import duplicates_table
    from clothier.workflows.duplicates import duplicates as run_search

    with progress_display() as progress:
        result = run_search(
            source,
            target,
            model=model,
            file_column=file_column,
            id_column=id_column,
            product_column=product_column,
            progress=progress,
        )
    output.print_photos_result(result, json, duplicates_table)
