"""Names in the query of an address.

One that a route does not know is refused: a filter that is ignored would give a list that looks right and is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request

from clothier.api.problems import Problem
from clothier.untrusted import printable, repeated

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

MAX_SHOWN = 100  # characters of a name that are repeated


async def check_query(request: Request) -> None:
    """A dependency of every route.

    Raises:
        Problem: the query has a name that the route does not take, or one twice.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    known = _known(request.scope["route"].dependant)
    if unknown := next((name for name in given if name not in known), None):
        accepted = f"Accepted are {', '.join(sorted(known))}." if known else "This address takes none."
        raise _refusal("unknown-parameter", unknown, f"There is no parameter {_shown(unknown)}. {accepted}")
    if twice := repeated(given):
        raise _refusal(
            "repeated-parameter", twice[0], f"The parameter {_shown(twice[0])} is given twice. Give it once."
        )


def _known(dependant: Dependant) -> set[str]:
    """The names that a route and its dependencies take."""
    return {one.alias for one in dependant.query_params}.union(*map(_known, dependant.dependencies))


def _refusal(code: str, name: str, detail: str) -> Problem:
    return Problem(422, code, detail, errors=[{"field": f"query.{printable(name)[:MAX_SHOWN]}", "message": detail}])


def _shown(name: str) -> str:
    return repr(printable(name)[:MAX_SHOWN])
