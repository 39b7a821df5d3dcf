"""``/upload``: a ZIP file of photos goes into the catalogue: how far it is, what came out of it, and downloads."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from clothier.api.job_results import ResultFormat, require_job, send_result
from clothier.api.job_uploads import PART, receive
from clothier.api.page.filters import PageFilters
from clothier.api.page.rendering import Link, is_htmx, redirect, render
from clothier.api.page.visits import AnyVisit, CheckedForm, PageReader, PageReviewer, check_token
from clothier.api.problems import Problem
from clothier.api.schemas import GivenImageUrl
from clothier.api.services import ServicesOf
from clothier.api.uploads import received_file
from clothier.store import jobs
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.datastructures import UploadFile

    from clothier.store.jobs import Job
    from clothier.store.store import Row

router = APIRouter(include_in_schema=False)
LINK = Link("Upload", "/upload")
PATH = LINK.path
SHOWN = 20  # uploads of the list
MAX_FAILED = 20  # photos that are named
MAX_KEY, MAX_NAME = 64, 100  # characters
NOT_A_ZIP = "{} is not a ZIP file, or not a whole one. Put your photos into a ZIP file, and send that."
STATUSES = {
    "uploading": "Arriving",
    "waiting": "Waiting for its turn",
    "running": "Tagging",
    "done": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
}
JobId = Annotated[str, Path(max_length=64)]


@router.get(PATH)
def show_list(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """The place to drop a ZIP file, and the latest uploads."""
    return render(
        request,
        "upload.html",
        jobs=jobs.list_jobs(services.store, None, SHOWN),
        statuses=STATUSES,
        limits=services.settings.limits,
        key=uuid.uuid4().hex,
        has_previews=services.settings.previews,
    )


@router.post(PATH)
async def upload(request: Request, caller: PageReviewer, visit: AnyVisit, services: ServicesOf) -> Response:
    """Begins a job; a form that is sent twice with the same file is one job."""
    async with received_file(request) as (file, form):
        check_token(request, visit, form)
        if not await run_in_threadpool(zipfile.is_zipfile, file.file):
            raise Problem(422, "not-a-zip", NOT_A_ZIP.format(printable(file.filename or "The file")[:MAX_NAME]))
        key = str(form.get("key", ""))[:MAX_KEY] or None
        job, is_new = await run_in_threadpool(jobs.begin_upload, services.store, caller.name, key)
        is_other = not is_new and job.status != jobs.UPLOADING and job.fingerprint != (digest := await _digest(file))
        if is_other:  # a step back in the browser, or the first was canceled while it arrived
            job, is_new = await run_in_threadpool(jobs.begin_upload, services.store, caller.name, f"{key} {digest}")
        if is_new:
            job = await receive(services, job, _chunks(file))
    request.state.note = f"job={job.job_id}"
    return redirect(request, f"{PATH}/{job.job_id}")


@router.get(f"{PATH}/{{job_id}}")
def show_job(
    request: Request,
    caller: PageReader,
    services: ServicesOf,
    job_id: JobId,
    seen: Annotated[str, Query(max_length=20, description="The status that the page shows.")] = "",
) -> Response:
    """How far it is; when it is done, what came out of it."""
    job = require_job(services, job_id)
    return render(
        request,
        "_job.html" if is_htmx(request) else "job.html",
        job=job,
        said=STATUSES[job.status],
        is_ended=job.status in jobs.ENDED,
        is_htmx=is_htmx(request),
        is_news=job.status != seen,
        failed=_failed(services, job),
        of_job=PageFilters(source=job.source),
    )


@router.post(f"{PATH}/{{job_id}}/cancel")
def cancel(request: Request, caller: PageReviewer, services: ServicesOf, job_id: JobId, form: CheckedForm) -> Response:
    """Ends a job; what it has tagged stays."""
    jobs.cancel_job(services.store, require_job(services, job_id))
    return redirect(request, f"{PATH}/{job_id}")


@router.get(f"{PATH}/{{job_id}}/result")
async def download(
    caller: PageReader,
    services: ServicesOf,
    job_id: JobId,
    format: ResultFormat = "csv",  # noqa: A002 - its name in the URL
    image_url: GivenImageUrl = "",
) -> Response:
    """The present tags; shops get only those that are accepted or reviewed."""
    return await send_result(services, job_id, format, image_url=image_url or None)


def _failed(services: ServicesOf, job: Job) -> list[Row]:
    return jobs.failed_photos(services.store, job, MAX_FAILED) if job.status == "done" else []


async def _digest(file: UploadFile) -> str:
    """SHA-256 of its content."""
    digest = hashlib.sha256()
    async for chunk in _chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    await file.seek(0)
    while chunk := await file.read(PART):
        yield chunk
