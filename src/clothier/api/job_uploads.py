"""Uploads of jobs, kept in the store a part at a time: any server of the store can do the job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from clothier.api.problems import Problem
from clothier.store import jobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from clothier.api.services import Services
    from clothier.store import Store
    from clothier.store.jobs import Job

PART = 1 << 20  # bytes that are kept at a time


async def receive(services: Services, job: Job, chunks: AsyncIterator[bytes]) -> Job:
    """Keeps the upload of a new job, which then waits for its turn; one that breaks off leaves nothing.

    Raises:
        Problem: it is empty, was canceled meanwhile, or is too slow.
    """
    store, digest, held, part = services.store, hashlib.sha256(), bytearray(), 0
    try:
        async for chunk in chunks:
            digest.update(chunk)
            held += chunk
            if len(held) >= PART:
                await run_in_threadpool(_keep_part, store, job, part, bytes(held))
                held, part = bytearray(), part + 1
        _check_not_empty(part or len(held))
        await run_in_threadpool(_keep_part, store, job, part, bytes(held))
        job = await run_in_threadpool(jobs.complete_upload, store, job, digest.hexdigest())
    except BaseException:
        await run_in_threadpool(jobs.discard_upload, store, job)
        raise
    services.worker.notify()
    return job


def _keep_part(store: Store, job: Job, part: int, content: bytes) -> None:
    if jobs.add_part(store, job, part, content):
        return
    if jobs.find_job(store, job.job_id) is not None:
        raise Problem(409, "canceled", "The job was canceled while its upload arrived. Nothing of it was kept.")
    raise Problem(408, "too-slow", "Nothing of the upload arrived for two hours. Send it again.")


def _check_not_empty(size: int) -> None:
    if not size:
        raise Problem(400, "empty", "The body is empty. Send a ZIP file of photos.")
