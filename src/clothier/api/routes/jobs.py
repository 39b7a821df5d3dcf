"""``/v1/jobs``: many photos at once, tagged in the background into the store."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from clothier.api.access import Reader, Reviewer
from clothier.api.problems import Problem
from clothier.api.responses import cursor, errors, invalid_cursor, not_found, read_cursor
from clothier.api.schemas import JobAnswer, JobsAnswer, Text
from clothier.api.services import ServicesOf
from clothier.catalogue import jobs
from clothier.catalogue.jobs import Job
from clothier.workflows.tag_job import write_result

router = APIRouter(tags=["jobs"])
ZIP_TYPES = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
PART = 1 << 20  # bytes of an upload that are kept at a time
MAX_KEY = 255  # characters
MAX_NUMBER = 9  # digits
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A ZIP file of photos. Nothing of it is stored under the names in it.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
RESULT: dict[int | str, dict[str, Any]] = {
    **errors(404, 409),
    200: {
        "description": "A row for each photo.",
        "content": {name.partition(";")[0]: {} for name in MEDIA_TYPES.values()},
    },
}


@router.post(
    "/v1/jobs",
    response_model=JobAnswer,
    status_code=202,
    openapi_extra=BODY,
    responses=errors(400, 408, 409, 413, 415),
)
async def post_job(
    request: Request,
    response: Response,
    caller: Reviewer,
    services: ServicesOf,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=MAX_KEY, description="With a key and an upload that were sent before: the first job."),
    ] = None,
) -> Any:
    """Accepts a ZIP file of photos: ``curl --data-binary @photos.zip -H "Content-Type: application/zip"``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in ZIP_TYPES:
        raise Problem(415, "not-a-zip", "Send a ZIP file of photos as the body, with Content-Type: application/zip.")
    key = idempotency_key.strip('" ') if idempotency_key is not None else None
    if key == "":
        raise Problem(400, "invalid-key", "The header Idempotency-Key is empty. Send a new UUID for each job.")
    job, is_new = await run_in_threadpool(jobs.begin_upload, services.store, caller.name, key)
    if is_new:
        job = await _receive(request, services, job)
        services.worker.notify()
    else:
        await _compare(request, job)
    response.headers["Location"] = f"/v1/jobs/{job.job_id}"
    return job.to_json()


@router.get("/v1/jobs", response_model=JobsAnswer, responses=errors())
def get_jobs(
    caller: Reader,
    services: ServicesOf,
    after: Annotated[Text | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Any:
    """Jobs, the newest first."""
    key = read_cursor(after)
    if key is not None and not (key.isascii() and key.isdecimal() and len(key) <= MAX_NUMBER):
        raise invalid_cursor()
    found = jobs.list_jobs(services.store, int(key) if key else None, limit + 1)
    following = cursor(found[limit - 1].number) if len(found) > limit else None
    return {"jobs": [one.to_json() for one in found[:limit]], "next": following}


@router.get("/v1/jobs/{job_id}", response_model=JobAnswer, responses=errors(404))
def get_job(caller: Reader, services: ServicesOf, job_id: Text) -> Any:
    """A job and its progress."""
    return _find(services, job_id).to_json()


@router.delete("/v1/jobs/{job_id}", response_model=JobAnswer, responses=errors(404))
def cancel_job(caller: Reviewer, services: ServicesOf, job_id: Text) -> Any:
    """Cancels a job that is not done. What it has tagged stays in the store."""
    return jobs.cancel_job(services.store, _find(services, job_id)).to_json()


@router.get("/v1/jobs/{job_id}/result", response_class=FileResponse, responses=RESULT)
def get_result(
    caller: Reader,
    services: ServicesOf,
    job_id: Text,
    format: Literal["csv", "jsonl", "parquet"] = "csv",  # noqa: A002 - its name in the URL
) -> Any:
    """The table of a job that is done, with the present tags of its photos."""
    job = _find(services, job_id)
    if job.status != "done":
        raise Problem(409, "not-done", f"The job is {job.status}. Only a job that is done has a result.")
    folder = Path(tempfile.mkdtemp(prefix="clothier-result-"))
    path = folder / f"tags.{format}"
    try:
        write_result(services.store, services.rules, job, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type=MEDIA_TYPES[format], filename=path.name, background=remove)


def _find(services: ServicesOf, job_id: str) -> Job:
    job = jobs.find_job(services.store, job_id)
    if job is None:
        raise not_found("job", job_id)
    return job


async def _receive(request: Request, services: ServicesOf, job: Job) -> Job:
    """Keeps the upload in the store, a part at a time; one that breaks off leaves nothing."""
    store, digest, held, part = services.store, hashlib.sha256(), bytearray(), 0
    try:
        async for chunk in request.stream():
            digest.update(chunk)
            held += chunk
            if len(held) >= PART:
                await run_in_threadpool(jobs.add_part, store, job, part, bytes(held))
                held, part = bytearray(), part + 1
        _check_not_empty(part or len(held))
        await run_in_threadpool(jobs.add_part, store, job, part, bytes(held))
        return await run_in_threadpool(jobs.complete_upload, store, job, digest.hexdigest())
    except BaseException:
        await run_in_threadpool(jobs.discard_upload, store, job)
        raise


def _check_not_empty(size: int) -> None:
    if not size:
        raise Problem(400, "empty", "The body is empty. Send a ZIP file of photos.")


async def _compare(request: Request, job: Job) -> None:
    """Whether the upload is that of the first request with the same key."""
    if job.status == "uploading":
        raise Problem(409, "in-progress", "A request with this Idempotency-Key is being received. Wait for its answer.")
    digest = hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
    if digest.hexdigest() != job.fingerprint:
        raise Problem(422, "key-reused", "This Idempotency-Key was sent with another upload. Send a new key.")
