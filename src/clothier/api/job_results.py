"""Downloads of the tags of a job that is done: tables of all photos, and files for other programs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from starlette.concurrency import run_in_threadpool

from clothier.api.downloads import download, zip_label_studio
from clothier.api.problems import Problem
from clothier.api.responses import not_found
from clothier.store import jobs
from clothier.workflows.tag_job import export_result, write_result

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Response

    from clothier.api.services import Services
    from clothier.store.jobs import Job
    from clothier.workflows.export import ExportResult

ResultFormat = Literal["csv", "jsonl", "parquet", "shopify", "google", "label-studio"]
CSV = "text/csv; charset=utf-8"
TABLES = {"csv": CSV, "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
"""Tables of all photos of a job, by format, which is also the suffix of the file."""
EXPORTS = {
    "shopify": (CSV, "products.csv"),
    "google": ("text/tab-separated-values; charset=utf-8", "feed.txt"),
    "label-studio": ("application/zip", "label-studio.zip"),
}
"""Files for other programs, with their names."""
LEFT_OUT = "Clothier-Left-Out"


def require_job(services: Services, job_id: str) -> Job:
    """The job.

    Raises:
        Problem: there is none.
    """
    job = jobs.find_job(services.store, job_id)
    if job is None:
        raise not_found("job", job_id)
    return job


async def send_result(
    services: Services,
    job_id: str,
    format: ResultFormat,  # noqa: A002 - as in addresses
    *,
    image_url: str | None = None,
    include_all: bool = False,
) -> Response:
    """The present tags of the photos of a job.

    Raises:
        Problem: there is no such job, it is not done, or too many downloads are waiting.
    """
    job = await run_in_threadpool(require_job, services, job_id)
    if job.status != "done":
        raise Problem(409, "not-done", f"The job is {job.status}. Only a job that is done has a result.")
    headers: dict[str, str] = {}

    def export(path: Path) -> ExportResult:
        return export_result(services.store, job, path, format, image_url=image_url, include_all=include_all)

    def write(path: Path) -> None:
        if format in TABLES:
            write_result(services.store, services.rules, job, path)
        else:
            done = export(path) if format != "label-studio" else zip_label_studio(path, export)
            headers[LEFT_OUT] = ", ".join(f"{why}={n}" for why, n in done.left_out.items())

    media_type, name = (TABLES[format], f"tags.{format}") if format in TABLES else EXPORTS[format]
    return await services.downloads.run(partial(download, name, media_type, write, headers))
