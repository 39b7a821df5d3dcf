"""``/``: drop, paste, choose or photograph garments, and see what the model says of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from clothier.api.page.rendering import Link, is_htmx, redirect, render
from clothier.api.page.visits import AnyVisit, PageReader, check_token
from clothier.api.problems import Problem
from clothier.api.services import Services, ServicesOf
from clothier.api.uploads import read_upload
from clothier.catalogue.index import Filters
from clothier.types import FailedInput
from clothier.workflows.inspect import encode_input
from clothier.workflows.similar import find_similar

if TYPE_CHECKING:
    from clothier.catalogue.index import Neighbor
    from clothier.inference import Model
    from clothier.types import Images, Prediction
    from clothier.workflows.inspect import InspectedPhoto, Opinion

router = APIRouter(include_in_schema=False)
LINK = Link("Classify", "/")
PATH = "/classify"
NEIGHBORS = 6


@dataclass(frozen=True, slots=True)
class OpinionView:
    """What a model says, and the picture that it saw.

    Attributes:
        prediction: class, probability, decision.
        picture: a ``data:`` URL.
        width: of the model's input, pixels.
        height: of the model's input, pixels.
    """

    prediction: Prediction
    picture: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A classified photo.

    Attributes:
        main: of the model in use.
        others: of the models of Fashion-MNIST.
        neighbors: similar photos of the catalogue; None if it cannot tell.
    """

    main: OpinionView
    others: tuple[OpinionView, ...]
    neighbors: tuple[Neighbor, ...] | None


@router.get("/")
def show(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """The place to drop photos."""
    return _page(request, services, [])


@router.get(PATH)
def show_again(request: Request, caller: PageReader) -> Response:
    """The address of the form's results, when it is opened again."""
    return redirect(request, LINK.path)


@router.post(PATH)
async def classify(request: Request, caller: PageReader, visit: AnyVisit, services: ServicesOf) -> Response:
    """The results: to be put before those that are there, or a page with them."""
    upload = await read_upload(request, services.settings.limits)
    check_token(request, visit, upload.fields)
    rules = services.rules
    found = await services.photos.inspect(rules, upload.photos)
    neighbors = await _find_neighbors(services, rules.model, upload.photos)
    services.metrics.count(one if isinstance(one, FailedInput) else one.main.prediction for one in found)
    request.state.note = f"photos={len(found)}"
    results = [
        one if isinstance(one, FailedInput) else _view(one, near) for one, near in zip(found, neighbors, strict=True)
    ]
    if is_htmx(request):
        return render(request, "_results.html", results=results)
    return _page(request, services, results)


async def _find_neighbors(
    services: Services, model: Model, photos: list[tuple[str, bytes]]
) -> list[tuple[Neighbor, ...] | None]:
    """Similar photos of each; None for each if there is no index yet, or it cannot tell for a photo."""
    try:
        index = services.similar.get(model)
    except Problem:
        return [None] * len(photos)
    find = partial(find_similar, index, top=NEIGHBORS, filters=Filters(one_per_product=True))
    described = await services.photos.describe(model, photos)
    return [
        None if isinstance(one, FailedInput) else (await run_in_threadpool(find, one)).neighbors for one in described
    ]


def _page(request: Request, services: Services, results: list[PhotoView | FailedInput]) -> Response:
    return render(
        request,
        "classify.html",
        results=results,
        model=services.rules.model,
        limits=services.settings.limits,
    )


def _view(photo: InspectedPhoto, neighbors: tuple[Neighbor, ...] | None) -> PhotoView:
    return PhotoView(_opinion(photo.main), tuple(map(_opinion, photo.others)), neighbors)


def _opinion(opinion: Opinion) -> OpinionView:
    height, width = opinion.image.shape[:2]
    return OpinionView(opinion.prediction, _data_url(opinion.image), width, height)


def _data_url(image: Images) -> str:
    media_type, content = encode_input(image)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
