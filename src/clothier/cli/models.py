"""``clothier models``.

clothier models --store tags.db
clothier models --store tags.db --promote models/shop
clothier models --store tags.db --roll-back
clothier models --store tags.db --accept-from t-shirt=0.97 --accept-from shirt=never
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json, probability
from clothier.cli.review import StoreName, check_by, check_modes, login_name
from clothier.errors import UsageError

Promote = Annotated[
    str | None,
    typer.Option(metavar="RUN|NAME", help="Tag with this model by default: a run, a bundle, or a version of the list."),
]
RollBack = Annotated[
    bool, typer.Option("--roll-back", help="Take the last promotion back: tag with the model before it again.")
]
AcceptFrom = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS=P",
        help="Accept a class from this probability only: 0 to 1, 'never', or 'model' for the model's threshold. "
        "The next clothier tag applies it. Can be repeated.",
    ),
]
Person = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Your name. Default: your login.")]


def models(
    store: StoreName,
    promote: Promote = None,
    roll_back: RollBack = False,
    accept_from: AcceptFrom = None,
    by: Person = None,
    json: Json = False,
) -> None:
    """Show the models that tagged a store, choose which one tags by default, and limit what is accepted."""
    check_modes(**{"promote": promote is not None, "roll-back": roll_back, "accept-from": bool(accept_from)})
    check_by(by, changes=promote is not None or roll_back or bool(accept_from))
    limits = dict(map(_limit, accept_from or ()))
    from clothier.cli.review_tables import models_table
    from clothier.workflows import models as run

    if promote is not None:
        result = run.promote_model(store, promote, login_name(by))
    elif roll_back:
        result = run.roll_back_model(store, login_name(by))
    elif limits:
        result = run.limit_classes(store, limits, login_name(by))
    else:
        result = run.list_models(store)
    output.print_result(result, json, models_table)


def _limit(text: str) -> tuple[str, float | None]:
    """A class and its limit: None for never, 0 for none."""
    name, separator, value = text.rpartition("=")
    if not (separator and name):
        raise UsageError(f"--accept-from {text!r} is not CLASS=P. Give a class and a probability, such as shirt=0.97.")
    words = {"never": None, "model": 0.0}
    return name, words[value] if value in words else probability(value)
