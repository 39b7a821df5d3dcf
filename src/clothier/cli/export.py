"""``clothier export``.

clothier export tags.db -o accepted.csv --columns file,class,color
clothier export tags.db --format shopify -o products.csv --image-url https://cdn.example.com/photos
clothier export tags.parquet --format google -o feed.txt --product-column style --image-url https://cdn.example.com/photos
clothier export tags.db --format label-studio -o tasks.json
clothier export tags.db -o - --columns file,class | sort
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from clothier.atomic import STDOUT
from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.predict import Columns
from clothier.errors import UsageError
from clothier.temporary import temporary_dir

EXPORT_FORMATS = "csv|shopify|google|label-studio"

Source = Annotated[
    str,
    typer.Argument(metavar="STORE|TABLE", help="A store of clothier tag (a file or a URL), or a table that it wrote."),
]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")]
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
SkuColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column with the SKU of each product, for Shopify; item_id for your ids. Default: SKU, or your ids of "
        "photos without a product.",
    ),
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
    sku_column: SkuColumn = None,
    image_url: ImageUrl = None,
    include_all: All = False,
    json: Json = False,
) -> None:
    """Write accepted and reviewed tags for a shop system or a spreadsheet, or all of them for Label Studio."""
    is_stdout = str(target) == STDOUT
    if is_stdout and (json or format == "label-studio"):
        other = "--json prints its result there" if json else "label-studio has two files"
        raise UsageError(f"nothing is exported to standard output: {other}. Name a file.")
    from clothier.cli.tables import export_table
    from clothier.workflows.export import export as run_export

    options: dict[str, Any] = {
        "format": format,
        "columns": columns,
        "product_column": product_column,
        "sku_column": sku_column,
        "image_url": image_url,
        "include_all": include_all,
    }
    if is_stdout:
        result = _export_to_stdout(source, options)
    else:
        result = run_export(source, target, **options)
        output.print_result(result, json, export_table)
    for warning in result.warnings:
        output.print_message(warning)
    output.exit_on_failures(one.to_json() for one in result.conflicts)


def _export_to_stdout(source: str, options: dict[str, Any]) -> Any:
    """Writes nothing of an export that fails half way."""
    from clothier.workflows.export import export as run_export

    with temporary_dir("clothier-export-") as folder:
        result = run_export(source, folder / "export", **options)
        with output.writing_stdout(), result.output.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return result
