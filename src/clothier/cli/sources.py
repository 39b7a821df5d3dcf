"""``clothier sources``.

clothier sources --store tags.db
clothier sources --store tags.db --remove /mnt/wrong-folder
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.models import Person
from clothier.cli.options import Json
from clothier.cli.progress import progress_display
from clothier.cli.review import StoreName, check_by, login_name

Remove = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Remove this folder, table or upload from the store. No photo is deleted."),
]


def sources(store: StoreName, remove: Remove = None, by: Person = None, json: Json = False) -> None:
    """Show the folders, tables and uploads of a store, or remove one with its tags. Deletes no photo."""
    check_by(by, changes=remove is not None)
    from clothier.cli.tables import sources_table
    from clothier.workflows import sources as run

    if remove is None:
        result = run.sources(store)
    else:
        with progress_display() as progress:
            result = run.remove(store, remove, login_name(by), progress=progress)
    output.print_result(result, json, sources_table)
