"""``clothier data``.

clothier data
clothier data --from ~/Downloads/FashionMNIST/raw
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.progress import progress_display

Source = Annotated[Path | None, typer.Option("--from", metavar="DIR", help="Look in this folder only.")]


def data(source: Source = None, json: Json = False) -> None:
    """Find or download Fashion-MNIST, verify it, and print where it is."""
    from clothier.cli.tables import data_table
    from clothier.workflows.data import prepare

    with progress_display() as progress:
        dataset = prepare(source, progress=progress)
    output.print_result(dataset, json, data_table)
