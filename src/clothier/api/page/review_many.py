"""``/review/many``: a page of photos of the queue at once: take out what is wrong, accept the rest."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request, Response

from clothier.api.access import Caller
from clothier.api.page.filters import PageFilters, QueueFiltersOf, choices
from clothier.api.page.rendering import redirect, render
from clothier.api.page.review import field, reviewer_of
from clothier.api.page.review_card import NOTHING_TO_UNDO
from clothier.api.page.visits import CheckedForm, PageReader, PageReviewer
from clothier.api.problems import Problem
from clothier.api.schemas import Place
from clothier.api.services import ServicesOf
from clothier.catalogue import review
from clothier.catalogue.review import NothingToUndoError

if TYPE_CHECKING:
    from collections.abc import Container

    from starlette.datastructures import FormData

    from clothier.catalogue.review import ActionResult
    from clothier.store import Store

router = APIRouter(include_in_schema=False)
PAGE = 48  # photos
MAX_DIGITS = 9  # of a revision
NONE = "none"  # the label of none of the classes
CLASS = "class:"  # begins the label of a class, which may have any name, "none" too


@router.get("/review/many")
def show(
    request: Request,
    caller: PageReader,
    services: ServicesOf,
    filters: QueueFiltersOf,
    after: Annotated[Place | None, Query()] = None,
) -> Response:
    """A page of the queue."""
    return _page(request, services, caller, filters, after)


@router.post("/review/many")
def act(
    request: Request,
    caller: PageReviewer,
    services: ServicesOf,
    filters: QueueFiltersOf,
    form: CheckedForm,
    after: Annotated[Place | None, Query()] = None,
) -> Response:
    """Asks whether so many photos shall be accepted; does it when that was confirmed; goes back; or takes it back."""
    reviewer = reviewer_of(request, caller)
    if reviewer is None:
        return redirect(request, "/review")
    if field(form, "action") == "undo":
        try:
            done = review.undo(services.store, reviewer, key=field(form, "key"))
        except NothingToUndoError:
            return _page(request, services, caller, filters, after, warning=NOTHING_TO_UNDO)
        return _page(request, services, caller, filters, after, result=done)
    seen, label = read_items(form), field(form, "label")
    again = partial(_page, request, services, caller, filters, after, chosen=set(seen), label=label)
    if field(form, "action") == "back":
        return again()
    if not seen:
        return again(warning="No photo is chosen.")
    if field(form, "confirmed"):
        done = _judge(services.store, seen, label, reviewer, field(form, "key"))
        return _page(request, services, caller, filters, after, result=done)
    class_name = _class_of(label) if label else ""
    return render(
        request,
        "review_confirm.html",
        seen=seen,
        label=label,
        class_name=class_name,
        filters=filters,
        after=after,
        key=uuid.uuid4().hex,
    )


def read_items(form: FormData) -> dict[str, int]:
    """The chosen items with the revision that the reviewer saw.

    Raises:
        Problem: no page of ours has sent them.
    """
    seen = {}
    for value in form.getlist("item"):
        revision, _, item_id = str(value).partition(":")
        if not (revision.isascii() and revision.isdecimal() and len(revision) <= MAX_DIGITS and item_id):
            raise Problem(422, "invalid-request", "The list of photos is damaged. Load the page again.")
        seen[unquote(item_id)] = int(revision)
    if len(seen) > PAGE:
        raise Problem(422, "invalid-request", f"At most {PAGE} photos can be reviewed at once, not {len(seen)}.")
    return seen


def _judge(store: Store, seen: dict[str, int], label: str, reviewer: str, key: str) -> ActionResult:
    if not label:
        return review.accept(store, seen, reviewer, key=key)
    return review.correct(store, seen, _class_of(label), reviewer, key=key)


def _class_of(label: str) -> str | None:
    """What the menu stands for; None for none of the classes."""
    if label == NONE:
        return None
    if not label.startswith(CLASS):
        raise Problem(422, "invalid-request", "There is no such class. Load the page again.")
    return label.removeprefix(CLASS)


def _page(
    request: Request,
    services: ServicesOf,
    caller: Caller,
    filters: PageFilters,
    after: str | None,
    *,
    result: ActionResult | None = None,
    warning: str = "",
    chosen: Container[str] | None = None,
    label: str = "",
) -> Response:
    """The list, with the ``chosen`` items of it (None for all) and the entry of the menu that were sent before."""
    store, wanted = services.store, filters.of_queue()
    page = review.queue(store, wanted, limit=PAGE, after=after, order=filters.order or "doubtful")
    n_reviewed = review.count_reviewed(store, wanted)
    return render(
        request,
        "review_many.html",
        page=page,
        filters=filters,
        after=after,
        result=result,
        warning=warning,
        chosen=[one.item_id for one in page.items] if chosen is None else chosen,
        label=label,
        choices=choices(store),
        n_reviewed=n_reviewed,
        n=n_reviewed + review.count_waiting(store, wanted),
        reviewer=reviewer_of(request, caller),
        key=uuid.uuid4().hex,
    )
