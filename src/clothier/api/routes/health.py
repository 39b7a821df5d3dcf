"""Whether the server runs, whether it can work, and its metrics."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from clothier.api import examples
from clothier.api.access import Reader
from clothier.api.metrics import CONTENT_TYPE
from clothier.api.problems import busy
from clothier.api.responses import answers, errors
from clothier.api.schemas import Health
from clothier.api.services import ServicesOf

router = APIRouter(tags=["operation"])
STOPPING_SECONDS = 5
METRICS: dict[int | str, dict[str, Any]] = {
    **errors(),
    200: {"description": "Metrics.", "content": {"text/plain": examples.METRICS}},
}


@router.get("/healthz", response_model=Health, responses=answers(examples.HEALTH))
async def get_health() -> Any:
    """The process runs. Restart it if this does not answer."""
    return {"status": "ok", "version": version("clothier")}


@router.get("/readyz", response_model=Health, responses=answers(examples.HEALTH))
async def get_readiness(services: ServicesOf) -> Any:
    """The model is loaded and the store can be reached. Send no requests while this is 503."""
    if services.is_stopping:
        raise busy("The server is stopping. Send requests to another.", STOPPING_SECONDS, "stopping")
    await run_in_threadpool(services.store.read, lambda connection: connection.scalar(select(1)))
    return {"status": "ok", "version": version("clothier")}


@router.get("/metrics", response_class=Response, responses=METRICS)
async def get_metrics(caller: Reader, services: ServicesOf) -> Response:
    """Metrics for Prometheus."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE)
