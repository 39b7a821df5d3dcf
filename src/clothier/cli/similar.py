"""``clothier similar``.

clothier similar shoe.jpg --index catalogue.index
clothier similar new/*.jpg --index catalogue.index --top 5 --json
clothier similar shoe.jpg --index catalogue.index --class boot --not-same-product
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.predict import Photos
from clothier.cli.progress import progress_display
from clothier.types import FailedInput

IndexFolder = Annotated[Path, typer.Option(metavar="DIR", help="An index that clothier index made.")]
Top = Annotated[int, typer.Option(metavar="N", min=1, help="Number of similar photos of each.")]
IndexModel = Annotated[
    str | None, typer.Option(metavar="RUN|NAME", help="The model of the index. Default: from where the index was made.")
]
ClassName = Annotated[str | None, typer.Option("--class", metavar="NAME", help="Only photos with this tag.")]
Color = Annotated[str | None, typer.Option(metavar="NAME", help="Only garments of this main color.")]
Product = Annotated[str | None, typer.Option(metavar="NAME", help="Only photos of this product.")]
NotSameProduct = Annotated[
    bool, typer.Option("--not-same-product", help="Leave out other photos of the photo's own product.")
]
OnePerProduct = Annotated[
    bool, typer.Option("--one-per-product", help="Name each product once, by its most similar photo.")
]


def similar(
    photos: Photos,
    index: IndexFolder,
    top: Top = 10,
    model: IndexModel = None,
    class_name: ClassName = None,
    color: Color = None,
    product: Product = None,
    not_same_product: NotSameProduct = False,
    one_per_product: OnePerProduct = False,
    json: Json = False,
) -> None:
    """Find the photos of an index that are most like each image."""
    from clothier.catalogue.index import Filters
    from clothier.cli.neighbors import neighbors_table
    from clothier.workflows.similar import similar as run_search

    filters = Filters(class_name, color, product, not_same_product, one_per_product)
    with progress_display() as progress:
        results = run_search(photos, index, top=top, model=model, filters=filters, progress=progress)
    output.print_result(results, json, neighbors_table)
    output.exit_on_failures(one.to_json() for one in results if isinstance(one, FailedInput))
