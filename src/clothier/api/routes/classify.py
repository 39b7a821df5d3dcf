"""``POST /v1/classify``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from clothier.api import examples
from clothier.api.access import Reader
from clothier.api.responses import answers, model_headers, model_version
from clothier.api.schemas import ClassifyAnswer
from clothier.api.services import ServicesOf
from clothier.api.uploads import CONTENT, MULTIPART, read_photos

router = APIRouter(tags=["classify"])

MAX_TOP = 20


@router.post(
    "/v1/classify",
    response_model=ClassifyAnswer,
    response_model_exclude_unset=True,
    openapi_extra={"requestBody": {"required": True, "content": {MULTIPART: CONTENT}}},
    responses=answers(examples.CLASSIFY, 408, 415),
)
async def classify(
    request: Request,
    response: Response,
    caller: Reader,
    services: ServicesOf,
    top: Annotated[int, Query(ge=1, le=MAX_TOP, description="Classes to name for each photo.")] = 3,
) -> Any:
    """Class, probability, and accept / review / reject for each photo; a file that is no image is an error entry."""
    photos = await read_photos(request, services.settings.limits)
    rules = services.rules
    results = await services.photos.classify(rules, photos, top)
    services.metrics.count(results)
    request.state.note = f"photos={len(photos)}"
    response.headers.update(model_headers(rules))
    return {"model": model_version(rules), "results": [one.to_json() for one in results]}
