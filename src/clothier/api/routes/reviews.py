"""``/v1/reviews``: what people say about the tags."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query

from clothier.api import examples
from clothier.api.access import Caller, Reader, Reviewer
from clothier.api.problems import Problem
from clothier.api.responses import answers, item_answer
from clothier.api.schemas import (
    AcceptAll,
    AcceptItems,
    AnyDecision,
    CorrectItems,
    Place,
    Probability,
    QueueAnswer,
    ReviewAnswer,
    ReviewRequest,
    Text,
)
from clothier.api.services import ServicesOf
from clothier.catalogue import review
from clothier.catalogue.review import ActionResult, Filter, Judgment, NothingToUndoError
from clothier.store import Store
from clothier.store.api_keys import LOCAL

router = APIRouter(tags=["reviews"])
MAX_PAGE = 200
MAX_KEY = 255  # characters


@router.get("/v1/reviews/queue", response_model=QueueAnswer, responses=answers(examples.QUEUE))
def get_queue(
    caller: Reader,
    services: ServicesOf,
    name: Annotated[Text | None, Query(alias="class")] = None,
    decision: AnyDecision | None = None,
    color: Text | None = None,
    product: Text | None = None,
    source: Text | None = None,
    min_probability: Probability | None = None,
    share_accepted: Annotated[
        float,
        Query(
            ge=0, le=1, description="Of the accepted tags that are shown too, in doubtful order and without `decision`."
        ),
    ] = 0.05,
    order: Literal["doubtful", "random"] = "doubtful",
    after: Annotated[Place | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Any:
    """Items that nobody has reviewed: the doubtful ones first, and every tenth an accepted one, drawn at random."""
    wanted = Filter(
        class_name=name, decision=decision, color=color, product=product, source=source, min_probability=min_probability
    )
    page = review.queue(
        services.store, wanted, limit=limit, after=after, share_accepted=share_accepted, order=order
    ).to_json()
    return {"items": [item_answer(one) for one in page["items"]], "next": page["after"]}


@router.post("/v1/reviews", response_model=ReviewAnswer, responses=answers(examples.REVIEW, 408, 409))
def post_review(
    caller: Reviewer,
    services: ServicesOf,
    action: Annotated[ReviewRequest, Body(openapi_examples=examples.REVIEW_REQUESTS)],
    idempotency_key: Annotated[
        str | None, Header(max_length=MAX_KEY, description="An action with the same key is done once.")
    ] = None,
) -> Any:
    """Accepts, corrects or undoes; one item or thousands, each action as a whole with its history."""
    reviewer = _reviewer(caller, action.reviewer)
    key = None if idempotency_key is None else hashlib.sha256(f"{reviewer}\0{idempotency_key}".encode()).hexdigest()
    result = _act(services.store, action, reviewer, key)
    if result.conflicts and not result.n:
        named = [{"item_id": one.item_id, "message": one.message} for one in result.conflicts]
        raise Problem(409, "conflict", f"Nothing was changed: {named[0]['message']}", conflicts=named)
    return result.to_json()


def _reviewer(caller: Caller, given: str | None) -> str:
    if caller.name == LOCAL:
        return given or LOCAL
    if given not in (None, caller.name):
        raise Problem(403, "wrong-reviewer", f"The reviewer is that of the key, {caller.name!r}. Leave it out.")
    return caller.name


def _act(store: Store, action: ReviewRequest, reviewer: str, key: str | None) -> ActionResult:
    if isinstance(action, AcceptItems):
        seen = {one.item_id: one.revision for one in action.items}
        return review.accept(store, seen, reviewer, key=key)
    if isinstance(action, CorrectItems):
        judgments = [Judgment(one.item_id, one.class_, one.revision) for one in action.items]
        return review.review(store, judgments, reviewer, key=key)
    if isinstance(action, AcceptAll):
        wanted = Filter(
            class_name=action.filter.class_, **action.filter.model_dump(exclude={"class_"}, exclude_none=True)
        )
        return review.accept_all(store, wanted, reviewer, limit=action.limit, key=key)
    try:
        return review.undo(store, reviewer, key=key)
    except NothingToUndoError as error:
        raise Problem(409, "nothing-to-undo", str(error)) from error
