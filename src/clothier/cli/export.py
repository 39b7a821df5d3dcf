"""``clothier export``.

clothier export tags.db -o accepted.csv --columns file,class,color
clothier export tags.db --format shopify -o products.csv --image-url https://cdn.example.com/photos
clothier export tags.parquet --format google -o feed.txt --product-column style --image-url https://cdn.example.com/photos
clothier export tags.db --format label-studio -o tasks.json
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.predict import Columns

EXPORT_FORMATS = "csv|shopify|google|label-studio"

Source = Annotated[
    str,
    typer.Argument(metavar="STORE|TABLE", help="A store of clothier tag (a file or a URL), or a table that it wrote."),
]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar=EXPORT_FORMATS,
        help="csv: tags. shopify: product CSV. google: text feed for Merchant Center. label-studio: tasks with "
        "predictions.",
    ),
]
ProductColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of a table that identifies the photos of one product.")
]
ImageUrl = Annotated[
    str | None, typer.Option("--image-url", metavar="URL", help="Address of the folder of photos, for the images.")
]
All = Annotated[bool, typer.Option("--all", help="Include tags that were neither accepted nor reviewed.")]


def export(
    source: Source,
    target: Target,
    format: Format = "csv",  # noqa: A002 - the option's name
    columns: Columns = None,
    product_column: ProductColumn = None,
    image_url: ImageUrl = None,
    include_all: All = False,
    json: Json = False,
) -> None:
    """Write accepted and reviewed tags for a shop system or a spreadsheet, or all of them for Label Studio."""
    from clothier.cli.tables import export_table
    from clothier.workflows.export import export as run_export

    result = run_export(
        source,
        target,
        format=format,
        columns=columns,
        product_column=product_column,
        image_url=image_url,
        include_all=include_all,
    )
    output.print_result(result, json, export_table)
    for warning in result.warnings:
        output.print_message(warning)
