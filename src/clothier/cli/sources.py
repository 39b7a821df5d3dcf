"""``clothier sources``.

clothier sources --store tags.db
clothier sources --store tags.db --remove /mnt/wrong-folder
clothier sources --store tags.db --remove-missing /mnt/photos
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.models import Person
from clothier.cli.options import Json
from clothier.cli.progress import progress_display
from clothier.cli.review import StoreName, check_by, check_modes, login_name

Remove = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Remove this folder, table or upload from the store. No photo is deleted."),
]
RemoveMissing = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Remove the tags of photos that this folder or table has no more."),
]


def sources(
    store: StoreName,
    remove: Remove = None,
    remove_missing: RemoveMissing = None,
    by: Person = None,
    json: Json = False,
) -> None:
    """Show the folders, tables and uploads of a store, or remove one with its tags. Deletes no photo."""
    check_modes(**{"remove": remove is not None, "remove-missing": remove_missing is not None})
    source = remove if remove_missing is None else remove_missing
    check_by(by, changes=source is not None)
    from clothier.cli.tables import sources_table
    from clothier.workflows import sources as run

    if source is None:
        result = run.sources(store)
    else:
        with progress_display() as progress:
            result = run.remove(
                store, source, login_name(by), only_missing=remove_missing is not None, progress=progress
            )
    output.print_result(result, json, sources_table)
