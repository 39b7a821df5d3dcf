"""``clothier index``.

clothier index photos -o catalogue.index
clothier index products.csv -o catalogue.index --id-column sku --product-column style
clothier index tags.db -o catalogue.index
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import FileColumn, Json
from clothier.cli.progress import progress_display
from clothier.cli.tag import IdColumn, TaggingModel

Source = Annotated[
    str,
    typer.Argument(
        metavar="PHOTOS|STORE",
        help="A folder, a ZIP file or a table of photos, or a store of clothier tag: a file or a URL.",
    ),
]
Target = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder of the index; an older one is brought up to date."),
]
ProductColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column that identifies the photos of one product.")
]


def index(
    source: Source,
    target: Target,
    model: TaggingModel = None,
    file_column: FileColumn = None,
    id_column: IdColumn = None,
    product_column: ProductColumn = None,
    json: Json = False,
) -> None:
    """Make an index for clothier similar. Run it again after photos were added or removed."""
    from clothier.cli.tables import index_table
    from clothier.workflows.index import index as run_indexing

    with progress_display() as progress:
        result = run_indexing(
            source,
            target,
            model=model,
            file_column=file_column,
            id_column=id_column,
            product_column=product_column,
            progress=progress,
        )
    output.print_photos_result(result, json, index_table)
