"""``/review``: one photo after the other, by click or by key."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import FormData

from clothier.api.access import Caller
from clothier.api.page.filters import QueueFiltersOf, choices
from clothier.api.page.rendering import Link, is_htmx, redirect, render
from clothier.api.page.review_card import NONE, Card, Desk, DeskState
from clothier.api.page.visits import CheckedForm, PageReader, PageReviewer
from clothier.api.problems import Problem
from clothier.api.schemas import Text
from clothier.api.services import Services, ServicesOf
from clothier.catalogue import review
from clothier.catalogue.review import ReviewStatistics
from clothier.catalogue.review.actions import MAX_NAME, check_reviewer
from clothier.errors import UsageError
from clothier.store.api_keys import LOCAL

router = APIRouter(include_in_schema=False)
LINK = Link("Review", "/review")
NAME_COOKIE = "clothier_reviewer"
QUEUE_FILTERS = ("name", "decision", "color", "product", "source", "order")
YEAR = 365 * 86_400  # seconds


@router.get("/review")
def show(
    request: Request,
    caller: PageReader,
    services: ServicesOf,
    filters: QueueFiltersOf,
    item: Annotated[Text | None, Query(description="The item to begin with.")] = None,
) -> Response:
    """The first photo of the queue, or the one that was named."""
    state = DeskState(filters={name: getattr(filters, name) for name in QUEUE_FILTERS})
    desk = Desk(services.store, state, reviewer_of(request, caller) or LOCAL)
    card = desk.show(item) if item else desk.show_next()
    return _page(request, services, caller, card, item)


@router.post("/review")
def act(request: Request, caller: PageReviewer, services: ServicesOf, form: CheckedForm) -> Response:
    """What the reviewer says about the photo; then the next one."""
    reviewer = reviewer_of(request, caller)
    if reviewer is None:
        raise Problem(422, "invalid-request", "Say who you are first: load the page again.")
    state = DeskState.read(field(form, "state"))
    card = _act(Desk(services.store, state, reviewer), services, form, reviewer)
    return _page(request, services, caller, card)


@router.post("/review/name")
def name_reviewer(
    request: Request,
    caller: PageReviewer,
    form: CheckedForm,
    filters: QueueFiltersOf,
    item: Annotated[Text | None, Query()] = None,
) -> Response:
    """Keeps the reviewer's name in a cookie, and goes on to what was asked for."""
    name = check_reviewer(field(form, "name"))
    response = redirect(request, f"/review{filters.query(item=item)}")
    secure = request.url.scheme == "https"
    response.set_cookie(NAME_COOKIE, quote(name), max_age=YEAR, httponly=True, samesite="strict", secure=secure)
    return response


@router.get("/review/accuracy")
def show_accuracy(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """How often the model is right, in a line or two; counting takes too long to be done for every photo."""
    return render(request, "_accuracy.html", found=accuracy(services))


def accuracy(services: Services) -> ReviewStatistics:
    """What the reviews tell."""
    return review.statistics(services.store)


def reviewer_of(request: Request, caller: Caller) -> str | None:
    """The name of the key, or the one that was given once; None if it was not given yet."""
    if caller.name != LOCAL:
        return caller.name
    try:
        return check_reviewer(unquote(request.cookies.get(NAME_COOKIE, "")))
    except UsageError:
        return None


def field(form: FormData, name: str) -> str:
    """A field of a form; "" if it is not there."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _act(desk: Desk, services: Services, form: FormData, reviewer: str) -> Card:
    store, key, action = services.store, field(form, "key"), field(form, "action")
    item_id = unquote(field(form, "item_id"))
    if action == "undo":
        return desk.undo(item_id, _key_of(key, action))
    if action == "previous":
        return desk.previous(item_id)
    if action == "skip":
        desk.leave(item_id)
        return desk.show_next("Skipped: it stays in the queue.")
    revision = field(form, "revision")
    if not revision.isdecimal() or len(revision) > 9:
        raise Problem(422, "invalid-request", "The revision of the photo is missing. Load the page again.")
    seen = {item_id: int(revision)}
    name, model_class = field(form, "class"), field(form, "model_class")
    if action == "accept" or (name and name == model_class):
        key = _key_of(key, "accept")
        return desk.judge(item_id, lambda: review.accept(store, seen, reviewer, key=key), f"Accepted: {model_class}.")
    if name or action == "none":
        label, key = name or None, _key_of(key, "correct", name)
        done = f"{label or NONE.capitalize()}; the model said {model_class}."
        return desk.judge(item_id, lambda: review.correct(store, seen, label, reviewer, key=key), done)
    raise Problem(422, "invalid-request", "There is no such action. Load the page again.")


def _key_of(form_key: str, *choice: str) -> str:
    """The key of an action: one for each choice on a card.

    If the answer to a form is lost, the same choice again is the same action, and another choice is another one.

    Raises:
        Problem: the form has none.
    """
    if not form_key:
        raise Problem(422, "invalid-request", "The key of the form is missing. Load the page again.")
    return hashlib.sha256("\0".join((form_key, *choice)).encode()).hexdigest()


def _page(request: Request, services: Services, caller: Caller, card: Card, asked: str | None = None) -> Response:
    filters = card.state.page_filters()
    n_reviewed = review.count_reviewed(services.store, filters.of_queue())
    context: dict[str, Any] = {
        **card.context(services.store),
        "filters": filters,
        "n_reviewed": n_reviewed,
        "n": n_reviewed + review.count_waiting(services.store, filters.of_queue()),
    }
    if is_htmx(request):
        response = render(request, "_review_answer.html", **context)
        response.headers["HX-Trigger"] = "reviewed"
        return response
    context |= {"choices": choices(services.store), "max_name": MAX_NAME, "local": caller.name == LOCAL, "asked": asked}
    return render(request, "review.html", **context, reviewer=reviewer_of(request, caller))
