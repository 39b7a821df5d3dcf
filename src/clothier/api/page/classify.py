"""``/``: drop a photo, and see what the model says of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from clothier.api.page.rendering import Link, render
from clothier.api.page.visits import PageReader

router = APIRouter(include_in_schema=False)
LINK = Link("Classify", "/")


@router.get("/")
def show(request: Request, caller: PageReader) -> Response:
    """The place to drop photos."""
    return render(request, "classify.html")
