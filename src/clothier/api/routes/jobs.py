"""``/v1/jobs``: many photos at once, tagged in the background into the store."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from clothier.api import examples
from clothier.api.access import Reader, Reviewer
from clothier.api.job_results import LEFT_OUT, ResultFormat, require_job, send_result
from clothier.api.job_uploads import receive
from clothier.api.problems import Problem
from clothier.api.responses import answers, cursor, errors, invalid_cursor, read_cursor
from clothier.api.schemas import ImageUrl, JobAnswer, JobsAnswer, Text
from clothier.api.services import ServicesOf
from clothier.store import jobs
from clothier.store.jobs import Job

router = APIRouter(tags=["jobs"])
ZIP_TYPES = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
MAX_KEY = 255  # characters
KEY = '[^" ]'  # any character that counts; quotation marks around a key do not
MAX_NUMBER = 9  # digits
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A ZIP file of photos. Nothing of it is stored under the names in it. A table `items.csv` in it "
        "may list the items: `file` names a photo, `item_id` and `product` are yours, other columns are kept.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}
RESULT: dict[int | str, dict[str, Any]] = {
    **errors(404, 409),
    200: {
        "description": "A row for each photo, or what the other program reads.",
        "headers": {
            LEFT_OUT: {
                "description": "Photos that are not in an export, by why: their tags are not accepted, or failed.",
                "schema": {"type": "string"},
                "example": "review=1, failed=2",
            }
        },
        "content": examples.RESULTS,
    },
}


@router.post(
    "/v1/jobs",
    response_model=JobAnswer,
    status_code=202,
    openapi_extra=BODY,
    responses=answers(examples.NEW_JOB, 408, 409, 415, success=202),
)
async def post_job(
    request: Request,
    response: Response,
    caller: Reviewer,
    services: ServicesOf,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=MAX_KEY,
            pattern=KEY,
            description="With a key and an upload that were sent before: the first job.",
        ),
    ] = None,
) -> Any:
    """Accepts a ZIP file of photos: ``curl --data-binary @photos.zip -H "Content-Type: application/zip"``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in ZIP_TYPES:
        raise Problem(415, "not-a-zip", "Send a ZIP file of photos as the body, with Content-Type: application/zip.")
    key = idempotency_key.strip('" ') if idempotency_key is not None else None
    job, is_new = await run_in_threadpool(jobs.begin_upload, services.store, caller.name, key)
    if is_new:
        job = await receive(services, job, request.stream())
    else:
        await _compare(request, job)
    response.headers["Location"] = f"/v1/jobs/{job.job_id}"
    return job.to_json()


@router.get("/v1/jobs", response_model=JobsAnswer, responses=answers(examples.JOBS))
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


@router.get("/v1/jobs/{job_id}", response_model=JobAnswer, responses=answers(examples.JOB, 404))
def get_job(caller: Reader, services: ServicesOf, job_id: Text) -> Any:
    """A job and its progress."""
    return require_job(services, job_id).to_json()


@router.delete("/v1/jobs/{job_id}", response_model=JobAnswer, responses=answers(examples.JOB, 404))
def cancel_job(caller: Reviewer, services: ServicesOf, job_id: Text) -> Any:
    """Cancels a job that is not done. What it has tagged stays in the store."""
    return jobs.cancel_job(services.store, require_job(services, job_id)).to_json()


@router.get("/v1/jobs/{job_id}/result", response_class=Response, responses=RESULT)
async def get_result(
    caller: Reader,
    services: ServicesOf,
    job_id: Text,
    format: Annotated[  # noqa: A002 - its name in the URL
        ResultFormat,
        Query(description="A table of all photos, or a file for another program, as `clothier export` writes it."),
    ] = "csv",
    image_url: Annotated[ImageUrl | None, Query(description="Of exports: the address of the folder of photos.")] = None,
    all: Annotated[bool, Query(description="Of exports: also tags that nobody accepted.")] = False,  # noqa: A002 - as above
) -> Any:
    """The present tags of the photos of a job that is done."""
    return await send_result(services, job_id, format, image_url=image_url, include_all=all)


async def _compare(request: Request, job: Job) -> None:
    """Whether the upload is that of the first request with the same key."""
    if job.status == "uploading":
        raise Problem(409, "in-progress", "A request with this Idempotency-Key is being received. Wait for its answer.")
    if job.fingerprint is None:
        raise Problem(409, "canceled", "The upload with this Idempotency-Key was canceled. Send a new key.")
    digest = hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
    if digest.hexdigest() != job.fingerprint:
        raise Problem(422, "key-reused", "This Idempotency-Key was sent with another upload. Send a new key.")
