"""``/catalogue``: all photos with their tags, one photo with its history, and exports of what is listed."""

from __future__ import annotations

from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from clothier.api.addresses import ITEM_ID, ItemIdInPath
from clothier.api.downloads import download, zip_label_studio
from clothier.api.page.filters import FiltersOf, choices
from clothier.api.page.rendering import Link, render
from clothier.api.page.visits import PageReader
from clothier.api.places import place_after, read_place
from clothier.api.problems import Problem
from clothier.api.responses import not_found
from clothier.api.schemas import GivenImageUrl, Place
from clothier.api.services import Services, ServicesOf
from clothier.catalogue.exports.tags import StoreTags
from clothier.catalogue.index import Filters, Neighbor
from clothier.catalogue.items import ORDERS, ItemFilter, colors_of, count_items, files_of, find_item, list_items
from clothier.errors import UnknownNameError
from clothier.store import Store
from clothier.types import FailedInput
from clothier.workflows.export import export_tags
from clothier.workflows.similar import describe_item, find_similar

router = APIRouter(include_in_schema=False)
LINK = Link("Catalogue", "/catalogue")
PAGE = 60  # photos
NEIGHBORS = 12
MAX_COUNT = 10_000  # counting a million takes too long for a page
ORDER_NAMES = {"": "Newest first", "doubtful": "Least probable first", "certain": "Most probable first", "id": "By id"}
FORMATS = {
    "csv": ("tags.csv", "text/csv; charset=utf-8"),
    "shopify": ("shopify.csv", "text/csv; charset=utf-8"),
    "google": ("google.tsv", "text/tab-separated-values; charset=utf-8"),
    "label-studio": ("label-studio.zip", "application/zip"),
}
SHOPS = ("shopify", "google")


@router.get("/catalogue")
def show(
    request: Request,
    caller: PageReader,
    services: ServicesOf,
    filters: FiltersOf,
    after: Annotated[Place | None, Query()] = None,
) -> Response:
    """A page of photos."""
    order, wanted = filters.order or "newest", filters.of_items()
    if order not in ORDERS:
        raise UnknownNameError(order, "order", ORDERS)
    rows = list_items(services.store, wanted, order=order, after=read_place(after, order), limit=PAGE + 1)
    shown = rows[:PAGE]
    ids = [one["item_id"] for one in shown]
    return render(
        request,
        "catalogue.html",
        rows=shown,
        colors=colors_of(services.store, ids),
        files=files_of(services.store, ids),
        n=count_items(services.store, wanted, MAX_COUNT + 1),
        max_count=MAX_COUNT,
        after=after,
        following=place_after(shown[-1], order) if len(rows) > PAGE else None,
        filters=filters,
        choices=choices(services.store),
        orders=ORDER_NAMES,
    )


@router.get("/catalogue/export")
async def export_list(
    caller: PageReader,
    services: ServicesOf,
    filters: FiltersOf,
    format: Literal["csv", "shopify", "google", "label-studio"] = "csv",  # noqa: A002 - its name in the URL
    image_url: GivenImageUrl = "",
) -> Response:
    """A download of what is listed; shops get only tags that are accepted or reviewed."""
    write = partial(_write, services.store, filters.of_items(), format, image_url or None)
    return await services.downloads.run(partial(download, *FORMATS[format], write))


@router.get(f"/catalogue/items/{ITEM_ID}")
def show_item(request: Request, caller: PageReader, services: ServicesOf, item_id: ItemIdInPath) -> Response:
    """A photo with its tag, its files and its history."""
    row = find_item(services.store, item_id)
    if row is None:
        raise not_found("item", item_id)
    colors = colors_of(services.store, [item_id]).get(item_id, [])
    return render(request, "item.html", row=row, colors=colors)


@router.get(f"/catalogue/similar/{ITEM_ID}")
def show_similar(request: Request, caller: PageReader, services: ServicesOf, item_id: ItemIdInPath) -> Response:
    """Photos like this one, or why there are none."""
    neighbors, reason = _find_similar(services, item_id)
    return render(request, "_similar.html", neighbors=neighbors, reason=reason)


def _find_similar(services: Services, item_id: str) -> tuple[tuple[Neighbor, ...], str]:
    model = services.rules.model
    try:
        index = services.similar.get(model)
    except Problem as problem:  # there is no index yet, or it is of another model
        return (), str(problem.detail)
    described = describe_item(services.store, model, item_id)
    if described is None:
        return (), "There is no such photo."
    if isinstance(described, FailedInput):
        return (), described.message
    found = find_similar(index, described, NEIGHBORS, Filters())
    return found.neighbors, "No other photo is in the index."


def _write(
    store: Store,
    wanted: ItemFilter,
    format: str,  # noqa: A002 - as above
    image_url: str | None,
    path: FilePath,
) -> None:
    tags = StoreTags(store, wanted=wanted)
    if format == "label-studio":
        zip_label_studio(path, lambda tasks: export_tags(tags, tasks, format))
    else:
        export_tags(tags, path, format, include_all=format not in SHOPS, image_url=image_url)
