"""Parts of answers that several routes share."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from clothier.api import examples
from clothier.api.problems import MEDIA_TYPE, TYPE, Problem
from clothier.api.schemas import ProblemAnswer

if TYPE_CHECKING:
    from clothier.api.examples import Example
    from clothier.catalogue.rules import TaggingRules

DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "The API key is missing or not valid.",
    403: "The API key has the wrong scope, or a page of another site sent the request.",
    404: "There is no such thing.",
    408: "The body of the request did not arrive in time.",
    409: "It is not in a state for that.",
    413: "The body of the request is too large.",
    415: "The body of the request has another type.",
    421: "The header Host names another server.",
    422: "The request has invalid values.",
    429: "Too many requests; see Retry-After.",
    500: "An unexpected error; the server's log has its cause.",
    503: "The server is busy or its store is away; see Retry-After.",
}
ALWAYS = (400, 401, 403, 413, 421, 422, 429, 500, 503)
JSON = "application/json"
Row = dict[str, Any]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for OpenAPI: these, and those that every route has."""
    return {one: {"description": DESCRIPTIONS[one], "content": _problem(one)} for one in sorted({*ALWAYS, *statuses})}


def answers(example: Example, *statuses: int, success: int = 200) -> dict[int | str, dict[str, Any]]:
    """The answers of a route for OpenAPI: one in JSON, and its errors."""
    return {success: {"content": {JSON: {"example": example}}}, **errors(*statuses)}


def _problem(status: int) -> dict[str, Any]:
    example = {
        **examples.PROBLEM,
        "type": TYPE.format(HTTPStatus(status).phrase.lower().replace(" ", "-")),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": DESCRIPTIONS[status],
    }
    return {MEDIA_TYPE: {"schema": ProblemAnswer.model_json_schema(), "example": example}}


def model_version(rules: TaggingRules) -> dict[str, Any]:
    """Which model answers."""
    return {"name": rules.model.name, "digest": rules.model.digest, "thresholds": rules.thresholds_version}


def model_headers(rules: TaggingRules) -> dict[str, str]:
    """Headers that name the model and its thresholds."""
    name = rules.model.name.encode("ascii", "replace").decode()
    headers = {"Clothier-Model": f"{name}; digest={rules.model.digest[:16]}"}
    return headers | ({"Clothier-Thresholds": rules.thresholds_version} if rules.thresholds_version else {})


def not_found(what: str, name: str) -> Problem:
    """There is no such thing."""
    return Problem(404, "not-found", f"There is no {what} {name[:100]!r}.")


def cursor(key: object) -> str:
    """The place of a row in a list, for clients."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> str | None:
    """The key that :func:`cursor` was made from.

    Raises:
        Problem: it was not.
    """
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_cursor() from error
    if "\0" in key:
        raise invalid_cursor()
    return key


def invalid_cursor() -> Problem:
    """The place in a list is not one of ours."""
    return Problem(422, "invalid-request", "'after' is not the 'next' of an earlier answer. Begin without it.")


def item_answer(row: Row) -> Row:
    """A row of the store as :class:`~clothier.api.schemas.ItemAnswer`."""
    return {**row, "top": [{"class": name, "probability": probability} for name, probability in row["top"]]}
