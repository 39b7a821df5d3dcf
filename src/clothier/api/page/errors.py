"""Errors for people: a page, a message within a page, or the way to signing in."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from clothier.api.page.rendering import is_htmx, redirect, render
from clothier.api.page.sign_in import MAX_PATH
from clothier.api.page.visits import NOT_SIGNED_IN, is_from_other_site
from clothier.api.problems import ADVICE

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from clothier.api.problems import Problem

FOR_PROGRAMS = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")
TITLES = {
    400: "The request is not right",
    403: "This is not allowed",
    404: "There is no such page",
    408: "That took too long",
    413: "That is too large",
    422: "The request is not right",
    429: "Too many requests",
    503: "The server is busy",
}


def _wants_page(scope: Scope) -> bool:
    """Whether a person will read the answer."""
    accepts = "text/html" in Headers(scope=scope).get("accept", "") or is_htmx(Request(scope))
    return accepts and not scope["path"].startswith(FOR_PROGRAMS)


def error_page(problem: Problem, scope: Scope) -> Response | None:
    """The answer to a request of a browser's page; None for any other request."""
    if not _wants_page(scope):
        return None
    request = Request(scope)
    if problem.code == NOT_SIGNED_IN:
        return _ask_to_sign_in(request)
    title = TITLES.get(problem.status_code, HTTPStatus(problem.status_code).phrase)
    template = "_problem.html" if is_htmx(request) else "error.html"
    response = render(
        request,
        template,
        status=problem.status_code,
        title=title,
        detail=_detail(problem),
        request_id=getattr(request.state, "request_id", None),
    )
    response.headers.update(problem.headers or {})
    return response


def _ask_to_sign_in(request: Request) -> Response:
    if is_from_other_site(request):  # its cookie may have been held back: come again from here
        return render(request, "again.html")
    is_lost, following = request.method != "GET", _shown_page(request)
    given = {"next": following if following != "/" else "", "lost": "yes" if is_lost else ""}
    query = urlencode({name: value for name, value in given.items() if value})
    return redirect(request, f"/sign-in?{query}" if query else "/sign-in")


def _shown_page(request: Request) -> str:
    """The page that the browser shows or asks for: where to go on after signing in."""
    address = str(request.url)
    if request.method != "GET" or is_htmx(request):
        address = request.headers.get("hx-current-url") or request.headers.get("referer") or "/"
    try:
        page = urlsplit(address)._replace(scheme="", netloc="", fragment="").geturl()
    except ValueError:
        return "/"
    return page if 0 < len(page) <= MAX_PATH else "/"


def _detail(problem: Problem) -> str:
    """The API's list of addresses is of no use here."""
    is_general = problem.detail == ADVICE.get(problem.status_code)
    return "The address may be misspelled, or be one for programs." if is_general else str(problem.detail)
