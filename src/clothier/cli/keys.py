"""``clothier keys``.

clothier keys create webshop --scope read
clothier keys create anna --scope review --store postgresql://shop@db/catalogue
clothier keys list
clothier keys revoke webshop
"""

from enum import StrEnum
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.serve import ServedStore, default_store
from clothier.errors import UsageError


class Scope(StrEnum):
    """What a key allows; each includes those before it."""

    read = "read"
    review = "review"
    admin = "admin"


class Action(StrEnum):
    """What is done with keys."""

    create = "create"
    list = "list"
    revoke = "revoke"


ActionName = Annotated[Action, typer.Argument(metavar="create|list|revoke", help="What to do.")]
KeyName = Annotated[str | None, typer.Argument(metavar="NAME", help="Who has the key: a person or a program.")]
ScopeName = Annotated[
    Scope,
    typer.Option(
        metavar="|".join(Scope), help="read: classify and look. review: also jobs and reviews. admin: also models."
    ),
]


def keys(
    action: ActionName,
    name: KeyName = None,
    scope: ScopeName = Scope.read,
    store: ServedStore = None,
    json: Json = False,
) -> None:
    """Create, list or revoke the keys of the HTTP API. A new key is printed once and stored nowhere."""
    if (name is None) != (action is Action.list):
        raise UsageError(f"`clothier keys {action}` takes {'no name' if name else 'a name, such as webshop'}.")
    from clothier.cli.tables import keys_table
    from clothier.workflows.keys import manage_keys

    result = manage_keys(store if store is not None else default_store(), action.value, name or "", scope.value)
    output.print_result(result, json, keys_table)
