"""Who looks at a page: the session in a cookie, its scope, and the token that forms must have.

The cookie is a random secret. On this machine it stands for nobody, and only makes the token; where keys are needed, it
is in the store with the key that signed in. The token (OWASP: HMAC-based token pattern) is derived from the cookie, so
it holds on every server, and a page of another site can neither read nor guess it. The API takes no cookies.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from clothier.api.access import Caller, admit
from clothier.api.problems import Problem
from clothier.store.api_keys import LOCAL
from clothier.store.sessions import find_session
from clothier.types import SCOPES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

COOKIE = "clothier_session"
MAX_SECRET = 100  # characters
FIELD, HEADER = "csrf", "X-CSRF-Token"
FORM = "application/x-www-form-urlencoded"
NOT_SIGNED_IN = "not-signed-in"


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser.

    Attributes:
        secret: in its cookie.
        is_new: whether the cookie is still to be set.
        caller: who uses it; None if a key is needed first.
        can_sign_out: whether the caller signed in.
    """

    secret: str
    is_new: bool
    caller: Caller | None
    can_sign_out: bool = False

    @property
    def token(self) -> str:
        """What forms must have."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()


async def open_visit(request: Request) -> Visit:
    """The visit that a request belongs to."""
    services, secret = request.app.state.services, request.cookies.get(COOKIE, "")
    if not (secret.isascii() and 0 < len(secret) <= MAX_SECRET):
        secret = ""
    caller: Caller | None = Caller(LOCAL, SCOPES[-1])
    if needs_keys := services.settings.needs_keys:
        key = await run_in_threadpool(find_session, services.store, secret) if secret else None
        caller = Caller(key.name, key.scope) if key else None
    visit = Visit(secret or new_secret(), not secret, caller, needs_keys and caller is not None)
    request.state.visit = visit
    return visit


def new_secret() -> str:
    """For a cookie."""
    return secrets.token_urlsafe(32)


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Ends with the browser; neither scripts nor pages of other sites can use it."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=secure, path="/")


def is_from_other_site(request: Request) -> bool:
    """Whether a link of another site led here: the browser held the cookie back, but will send it from here."""
    return request.headers.get("sec-fetch-site") == "cross-site"


def visiting(scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who must have ``scope``."""

    async def find_visitor(request: Request, visit: AnyVisit) -> Caller:
        if visit.caller is None or (visit.is_new and is_from_other_site(request)):
            raise Problem(401, NOT_SIGNED_IN, "Sign in with an API key first.")
        admit(request, visit.caller, scope)
        return visit.caller

    return find_visitor


async def check_form(request: Request, visit: AnyVisit) -> FormData:
    """The fields of a form that a page of ours sent.

    Raises:
        Problem: it is no form, or the token is missing or wrong.
    """
    if not request.headers.get("content-type", "").lower().startswith(FORM):
        raise Problem(415, "not-a-form", f"Send the fields as {FORM}, as the forms of the page do.")
    form = await request.form()
    check_token(request, visit, form)
    return form


def check_token(request: Request, visit: Visit, form: FormData) -> None:
    """Refuses a form whose token is not that of the visit.

    Raises:
        Problem: the token is missing or wrong.
    """
    given = request.headers.get(HEADER) or form.get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), visit.token.encode()):
        raise Problem(403, "wrong-token", "This page is too old, or its cookie is missing. Reload it and try again.")


AnyVisit = Annotated[Visit, Depends(open_visit)]
CheckedForm = Annotated[FormData, Depends(check_form)]
PageReader = Annotated[Caller, Depends(visiting("read"))]
PageReviewer = Annotated[Caller, Depends(visiting("review"))]
PageAdmin = Annotated[Caller, Depends(visiting("admin"))]
