"""Errors as ``application/problem+json`` (RFC 9457): what was received, what is accepted, what to do."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from clothier.errors import ClothierError, DataError, ModelError, StorageError, UsageError
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:clothier:problem:{}"
RETRY_SECONDS = 5  # when a store that is locked or gone is worth another try
STORE_AWAY = (
    "The store cannot be used now: it is locked or away, or its disk is full. What it holds is intact. Send the "
    "request again; the server's log has the cause."
)
NO_MODEL = "The model cannot be loaded; the server's log has the cause."
LOG = logging.getLogger("clothier.requests")
ADVICE = {
    404: "There is nothing at this address. See /openapi.json for what there is.",
    405: "This address takes other methods. See /openapi.json.",
}


class Problem(HTTPException):
    """An error that the client is told."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """``code`` is for programs and ``detail`` for people; ``more`` are further members."""
        super().__init__(status, detail, dict(headers or {}))
        self.code, self.more = code, more


def busy(detail: str, seconds: float, code: str = "busy", status: int = 503) -> Problem:
    """The client should try again after so many seconds."""
    return Problem(status, code, detail, headers={"Retry-After": str(max(1, round(seconds)))})


def problem_response(problem: Problem, scope: Scope) -> Response:
    """The answer: JSON, unless the app has a page for people who asked for one."""
    if page := scope["app"].state.error_page(problem, scope):
        return cast("Response", page)
    content = {
        "type": TYPE.format(problem.code),
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "request_id": scope.get("state", {}).get("request_id"),
        **problem.more,
    }
    return JSONResponse(content, problem.status_code, problem.headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Makes every error a problem."""
    for kind, translate in (
        (Problem, _itself),
        (HTTPException, _from_http),
        (RequestValidationError, _from_validation),
        (ClothierError, from_clothier),
    ):
        app.add_exception_handler(kind, _handler(translate))


def from_clothier(error: ClothierError) -> Problem:
    """What an error of Clothier is over HTTP. Messages for the command line name paths of this machine."""
    if isinstance(error, StorageError):
        LOG.warning("%s", error)
        return busy(STORE_AWAY, RETRY_SECONDS, "store-unavailable")
    if isinstance(error, ModelError):
        LOG.warning("%s", error)
        return Problem(503, "unavailable", NO_MODEL)
    if isinstance(error, DataError):
        return Problem(503, "unavailable", str(error))
    if isinstance(error, UsageError):
        return Problem(422, "invalid-request", str(error))
    return Problem(500, "internal-error", str(error))


def internal_error(request_id: str) -> Problem:
    """For an error that nobody expected; its cause is in the log only."""
    return Problem(500, "internal-error", f"An unexpected error. It is in the server's log as request {request_id}.")


def _handler(translate: Any) -> Any:
    async def handle(request: Request, error: Exception) -> Response:
        problem = translate(error)
        if isinstance(error, DataError):
            services = request.app.state.services
            given = (services.settings.index, services.settings.taxonomy)
            problem.detail = _without(problem.detail, services.store.name, *(str(one) for one in given if one))
        if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            problem.headers = {"Allow": ", ".join(_allowed_methods(request))}
        return problem_response(problem, request.scope)

    return handle


def _without(text: str, *names: str) -> str:
    """``text`` without paths and addresses of this machine."""
    for name in filter(None, names):
        text = re.sub(rf"(?<!\S){re.escape(name)}(?!\w)", "(the server's)", text)
    return text


def _allowed_methods(request: Request) -> list[str]:
    """Those of all routes at the address; Starlette names those of the first."""
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] != Match.NONE]
    return sorted(set().union(*(getattr(one, "methods", None) or () for one in routes)))


def _itself(error: Problem) -> Problem:
    return error


def _from_http(error: HTTPException) -> Problem:
    """An error of the framework."""
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return Problem(error.status_code, code, ADVICE.get(error.status_code, error.detail), headers=error.headers)


def _from_validation(error: RequestValidationError) -> Problem:
    """Which values are wrong; not their content, which may be large or secret."""
    errors = [
        {"field": printable(".".join(map(str, one["loc"])))[:200], "message": printable(one["msg"])[:300]}
        for one in error.errors()[:20]
    ]
    named = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:3])
    return Problem(422, "invalid-request", f"The request has invalid values: {named}.", errors=errors)
