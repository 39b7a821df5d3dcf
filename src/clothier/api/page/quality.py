"""``/quality``: how often the model is right, whether its guarantee holds, and whether the catalogue changes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from clothier.api.page.filters import DECISIONS
from clothier.api.page.rendering import Link, render
from clothier.api.page.visits import PageReader
from clothier.api.services import ServicesOf
from clothier.catalogue import review
from clothier.catalogue.drift import drift

router = APIRouter(include_in_schema=False)
LINK = Link("Quality", "/quality")
MAX_WEEKS = 52  # that are shown


@router.get("/quality")
def show(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """Accuracy on reviewed photos, and each week compared with those before."""
    found = review.statistics(services.store)
    changes = drift(services.store)
    return render(
        request,
        "quality.html",
        found=found,
        changes=changes,
        weeks=changes.weeks[-MAX_WEEKS:],
        most=max((one.n for one in changes.weeks), default=0),
        decisions=DECISIONS,
    )
