"""``clothier models``.

clothier models --store tags.db
clothier models --store tags.db --promote models/shop
clothier models --store tags.db --roll-back
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.review import StoreName, login_name
from clothier.errors import UsageError

Promote = Annotated[
    str | None,
    typer.Option(metavar="RUN|NAME", help="Tag with this model by default: a run, a bundle, or a version of the list."),
]
RollBack = Annotated[
    bool, typer.Option("--roll-back", help="Take the last promotion back: tag with the model before it again.")
]
Person = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Your name. Default: your login.")]


def models(
    store: StoreName, promote: Promote = None, roll_back: RollBack = False, by: Person = None, json: Json = False
) -> None:
    """Show the models that tagged a store, and choose which one tags by default."""
    if promote is not None and roll_back:
        raise UsageError("--promote and --roll-back cannot be given together. Run one after the other.")
    from clothier.cli.review_tables import models_table
    from clothier.workflows import models as run

    if promote is not None:
        result = run.promote_model(store, promote, login_name(by))
    elif roll_back:
        result = run.roll_back_model(store, login_name(by))
    else:
        result = run.list_models(store)
    output.print_result(result, json, models_table)
