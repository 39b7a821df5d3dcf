"""``/study``: reports of studies, explorations and trainings, and maps of garments, of the folder of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from clothier.api.addresses import segment
from clothier.api.page.rendering import Link, render
from clothier.api.page.reports import report_response, table_response
from clothier.api.page.visits import PageReader
from clothier.api.responses import not_found
from clothier.api.services import ServicesOf
from clothier.paths import is_file
from clothier.untrusted import is_file_name

if TYPE_CHECKING:
    from pathlib import Path

router = APIRouter(include_in_schema=False)
LINK = Link("Study", "/study")
KINDS = {"study.json": "Study", "explore.json": "Exploration", "metrics.json": "Training"}
PAGES = {"report.html": "Report", "map.html": "Map"}
TABLE = "audit.csv"  # that a report links
MAX_RUNS = 200


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with pages.

    Attributes:
        name: of its folder.
        kind: what made it.
        finished: the day.
        pages: address and title of each.
    """

    name: str
    kind: str
    finished: str
    pages: tuple[tuple[str, str], ...]


@router.get(LINK.path)
def show(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """The runs, the newest first."""
    folder = services.settings.runs
    found = [(_finished(one), one) for one in _folders(folder).values()]
    newest = sorted(found, key=lambda one: one[0], reverse=True)[:MAX_RUNS]
    return render(request, "study.html", runs=[_view(*one) for one in newest], folder=folder.name)


@router.get(f"{LINK.path}/{{name}}/{{file}}")
def show_page(caller: PageReader, services: ServicesOf, name: str, file: str) -> Response:
    """A page of a run. Both names are looked up among those that there are: no name of a client makes a path."""
    folder = _folders(services.settings.runs).get(name)
    page = next((one for one in (*PAGES, TABLE) if one == file), None)
    if folder is None or page is None or not is_file(folder / page):
        raise not_found("page of a run", f"{name}/{file}")
    return report_response(folder / page) if page in PAGES else table_response(folder / page)


def _folders(runs: Path) -> dict[str, Path]:
    """Runs with a report, by name."""
    try:
        found = list(runs.iterdir())
    except OSError:
        return {}
    return {one.name: one for one in found if is_file_name(one.name) and is_file(one / "report.html")}


def _finished(folder: Path) -> float:
    """When the report was written, seconds; 0 if it was removed meanwhile."""
    try:
        return (folder / "report.html").stat().st_mtime
    except OSError:
        return 0.0


def _view(finished: float, folder: Path) -> RunView:
    kind = next((title for file, title in KINDS.items() if is_file(folder / file)), "Report")
    day = datetime.fromtimestamp(finished, UTC).strftime("%Y-%m-%d")
    address = f"{LINK.path}/{segment(folder.name)}"
    pages = [(f"{address}/{file}", title) for file, title in PAGES.items() if is_file(folder / file)]
    return RunView(folder.name, kind, day, tuple(pages))
