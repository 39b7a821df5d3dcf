"""``POST /v1/similar``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from clothier.api import examples
from clothier.api.access import Reader
from clothier.api.problems import Problem
from clothier.api.responses import answers, model_headers, model_version, not_found
from clothier.api.schemas import SearchedItem, SimilarAnswer, Text
from clothier.api.services import Services, ServicesOf
from clothier.api.uploads import CONTENT, EXAMPLE, MULTIPART, is_form, read_photos
from clothier.catalogue.index import Filters, Index
from clothier.inference import Model
from clothier.types import FailedInput
from clothier.workflows.similar import DescribedPhoto, SimilarPhotos, describe_item, find_similar

router = APIRouter(tags=["similar"])

MAX_TOP = 100
JSON = "application/json"
OTHER_TYPE = f'Send photos as {MULTIPART} ({EXAMPLE}), or an item of the catalogue as {JSON}: {{"item_id": "..."}}.'
ITEM = {"schema": SearchedItem.model_json_schema(), "example": examples.SEARCHED_ITEM}
BODY = {"requestBody": {"required": True, "content": {MULTIPART: CONTENT, JSON: ITEM}}}


@router.post(
    "/v1/similar",
    response_model=SimilarAnswer,
    response_model_exclude_unset=True,
    openapi_extra=BODY,
    responses=answers(examples.SIMILAR, 404, 408, 409, 415),
)
async def similar(
    request: Request,
    response: Response,
    caller: Reader,
    services: ServicesOf,
    top: Annotated[int, Query(ge=1, le=MAX_TOP, description="Neighbors of each photo.")] = 10,
    name: Annotated[Text | None, Query(alias="class", description="Only photos with this tag or review.")] = None,
    color: Annotated[Text | None, Query(description="Only garments of this main color.")] = None,
    product: Annotated[Text | None, Query(description="Only photos of this product.")] = None,
    not_same_product: Annotated[bool, Query(description="Leave out photos of the photo's own product.")] = False,
    one_per_product: Annotated[bool, Query(description="Name each product once, by its best photo.")] = False,
) -> Any:
    """The photos of the catalogue that are most like each photo, or like an item; never that photo itself."""
    filters = Filters(name, color, product, not_same_product, one_per_product)
    services.similar.get(services.rules.model)  # before anything is received
    wanted = await read_photos(request, services.settings.limits) if is_form(request) else await _read_item(request)
    rules = services.rules
    index = services.similar.get(rules.model)
    described = await _describe(services, rules.model, wanted)
    found = await run_in_threadpool(partial(_find, index, described, top, filters))
    request.state.note = f"photos={len(found)}"
    response.headers.update(model_headers(rules))
    return {"model": model_version(rules), "photos": len(index), "results": [_answer(one) for one in found]}


async def _read_item(request: Request) -> str:
    """The id of the item that the request asks for."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Problem(415, "not-a-photo", OTHER_TYPE)
    try:
        return SearchedItem.model_validate_json(await request.body()).item_id
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error


async def _describe(
    services: Services, model: Model, wanted: str | list[tuple[str, bytes]]
) -> list[DescribedPhoto | FailedInput]:
    """What the item with this id, or uploaded photos, are compared by."""
    if not isinstance(wanted, str):
        return await services.photos.describe(model, wanted)
    found = await run_in_threadpool(describe_item, services.store, model, wanted)
    if found is None:
        raise not_found("item", wanted)
    if isinstance(found, FailedInput):
        raise Problem(409, found.code, found.message)
    return [found]


def _find(
    index: Index, described: list[DescribedPhoto | FailedInput], top: int, filters: Filters
) -> list[SimilarPhotos | FailedInput]:
    """Runs in a thread."""
    return [one if isinstance(one, FailedInput) else find_similar(index, one, top, filters) for one in described]


def _answer(found: SimilarPhotos | FailedInput) -> dict[str, Any]:
    """As ``clothier similar --json`` prints it, and what is known of each neighbor."""
    if isinstance(found, FailedInput):
        return found.to_json()
    neighbors = [
        {**one.to_json(), "class": one.class_name, "product": one.product, "color": one.color}
        for one in found.neighbors
    ]
    return {**found.to_json(), "neighbours": neighbors}
