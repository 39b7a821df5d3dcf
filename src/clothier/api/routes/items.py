"""``/v1/items``: what the store knows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from clothier.api import examples
from clothier.api.access import Reader
from clothier.api.addresses import ITEM_ID, ItemIdInPath
from clothier.api.places import place_after, read_place
from clothier.api.responses import answers, item_answer, not_found
from clothier.api.schemas import AnyDecision, ItemDetail, ItemsAnswer, Place, Probability, Text
from clothier.api.services import ServicesOf
from clothier.catalogue.items import ItemFilter, find_item, list_items

router = APIRouter(tags=["items"])
MAX_PAGE = 500


@router.get("/v1/items", response_model=ItemsAnswer, responses=answers(examples.ITEMS))
def get_items(
    caller: Reader,
    services: ServicesOf,
    name: Annotated[Text | None, Query(alias="class", description="Of the review, or else of the model.")] = None,
    decision: AnyDecision | None = None,
    product: Text | None = None,
    model: Text | None = None,
    min_probability: Probability | None = None,
    max_probability: Probability | None = None,
    reviewed: bool | None = None,
    color: Text | None = None,
    text: Annotated[Text | None, Query(description="A part of the id, or of the name of a file.")] = None,
    source: Annotated[Text | None, Query(description="A tagged folder, table or job, as the store names it.")] = None,
    order: Literal["id", "newest", "doubtful", "certain"] = "id",
    after: Annotated[Place | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Any:
    """Items in an order, a page at a time. An item that is added meanwhile moves no other to another page."""
    wanted = ItemFilter(name, decision, product, model, min_probability, max_probability, reviewed, color, text, source)
    rows = list_items(services.store, wanted, order=order, after=read_place(after, order), limit=limit + 1)
    following = place_after(rows[limit - 1], order) if len(rows) > limit else None
    return {"items": [item_answer(one) for one in rows[:limit]], "next": following}


@router.get(f"/v1/items/{ITEM_ID}", response_model=ItemDetail, responses=answers(examples.ITEM_DETAIL, 404))
def get_item(caller: Reader, services: ServicesOf, item_id: ItemIdInPath) -> Any:
    """An item with its files and the history of its tag."""
    row = find_item(services.store, item_id)
    if row is None:
        raise not_found("item", item_id)
    return item_answer(row)
