"""``/duplicates``: photos of one picture side by side, and which of them to keep."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from clothier.api.downloads import download
from clothier.api.page.rendering import Link, render
from clothier.api.page.visits import PageReader
from clothier.api.services import ServicesOf
from clothier.workflows.duplicates import write_groups

router = APIRouter(include_in_schema=False)
LINK = Link("Duplicates", "/duplicates")
PAGE = 20  # groups
MAX_SHOWN = 12  # photos of a group


@router.get("/duplicates")
def show(
    request: Request,
    caller: PageReader,
    services: ServicesOf,
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    only: Literal["", "class", "product"] = "",
) -> Response:
    """A page of groups, the largest first; ``only`` those whose photos differ in class or product."""
    found = services.duplicates.get(services.store)
    wanted = {"class": "has_other_class", "product": "has_other_product"}.get(only)
    groups = [one for one in found.groups if wanted is None or getattr(one, wanted)]
    start = min(start, max(len(groups) - 1, 0) // PAGE * PAGE)  # there may be fewer than when the link was made
    return render(
        request,
        "duplicates.html",
        found=found,
        groups=groups[start : start + PAGE],
        n_groups=len(groups),
        start=start,
        page=PAGE,
        only=only,
        max_shown=MAX_SHOWN,
    )


@router.get("/duplicates/export")
async def export_groups(caller: PageReader, services: ServicesOf) -> Response:
    """All groups as a table: the column ``keep`` says which photo of each to keep."""

    def make() -> Response:
        found = services.duplicates.get(services.store)
        return download("duplicates.csv", "text/csv; charset=utf-8", lambda path: write_groups(path, found))

    return await services.downloads.run(make)
