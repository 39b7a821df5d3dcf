"""Signing in with an API key, and out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from clothier.api.access import check_key
from clothier.api.page.rendering import redirect, render
from clothier.api.page.visits import AnyVisit, CheckedForm, is_from_other_site, new_secret, set_cookie
from clothier.api.services import ServicesOf
from clothier.store.api_keys import find_key
from clothier.store.sessions import create_session, end_session

router = APIRouter(include_in_schema=False)
MAX_PATH = 2_000  # characters
LOST = "Your session has ended, so what you did last was not saved. Sign in, then do it again."


@router.get("/sign-in")
def show_form(
    request: Request,
    visit: AnyVisit,
    next_path: Annotated[str, Query(alias="next", max_length=MAX_PATH)] = "/",
    lost: Literal["", "yes"] = "",
) -> Response:
    """Asks for a key, where keys are needed."""
    if visit.is_new and is_from_other_site(request):
        return render(request, "again.html")
    if visit.caller is not None:
        return redirect(request, _local(next_path))
    message = LOST if lost else None
    return render(request, "sign_in.html", next_path=_local(next_path), message=message)


@router.post("/sign-in")
async def sign_in(request: Request, visit: AnyVisit, form: CheckedForm, services: ServicesOf) -> Response:
    """Begins a session, under a new secret."""
    key_text, next_path = str(form.get("key", "")).strip(), _local(str(form.get("next", "/")))
    if visit.caller is not None:
        return redirect(request, next_path)
    key = await check_key(request, key_text)
    if key is not None:
        key = await run_in_threadpool(find_key, services.store, key_text)  # none if it was revoked a second ago
    if key is None:
        message = "This key is not valid, or was revoked." if key_text else "Enter a key."
        return render(request, "sign_in.html", status=401, next_path=next_path, message=message)
    secret = new_secret()
    await run_in_threadpool(create_session, services.store, secret, key)
    response = redirect(request, next_path)
    set_cookie(request, response, secret)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, visit: AnyVisit, form: CheckedForm, services: ServicesOf) -> Response:
    """Ends the session."""
    await run_in_threadpool(end_session, services.store, visit.secret)
    response = redirect(request, "/sign-in")
    set_cookie(request, response, new_secret())
    return response


def _local(path: str) -> str:
    """``path`` if it leads to this server, else the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
