"""The FastAPI app."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import Depends, FastAPI

from clothier.api.guards import BodyGuard, OriginGuard
from clothier.api.page import assets, photos, review_many, sign_in
from clothier.api.page import classify as classify_page
from clothier.api.page import upload as upload_page
from clothier.api.page.errors import error_page
from clothier.api.page.pages import LINKS, PAGES
from clothier.api.problems import add_handlers
from clothier.api.query_names import check_query
from clothier.api.request_log import RequestLog
from clothier.api.responses import model_headers
from clothier.api.routes import classify, health, items, jobs, models, reviews, similar
from clothier.api.settings import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from clothier.api.services import Services

STORE_THREADS = 5  # as many connections as the store keeps open
ROUTERS = tuple(one.router for one in (classify, similar, items, reviews, jobs, models, health))
DESCRIPTION = """\
Classifies photos of clothes, and gives access to a catalogue of tagged photos.

Every answer names the model (`Clothier-Model`) and the version of its thresholds (`Clothier-Thresholds`), and repeats
the `X-Request-ID` of the request or makes one. Errors are `application/problem+json` (RFC 9457).
"""


def create_app(services: Services) -> FastAPI:
    """The app of a server. Its documentation is ``/openapi.json``; pages that load scripts from elsewhere are off."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = STORE_THREADS
        services.worker.start()
        yield
        services.is_stopping = True
        await anyio.to_thread.run_sync(services.close)

    app = FastAPI(
        title="Clothier",
        version=version("clothier"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(check_query)],
    )
    app.state.services, app.state.links, app.state.error_page = services, LINKS, error_page
    for router in (*ROUTERS, *(one.router for one in (assets, photos, review_many, sign_in, *PAGES))):
        app.include_router(router)
    add_handlers(app)
    limits = services.settings.limits
    uploads = dict.fromkeys(("/v1/classify", "/v1/similar", classify_page.PATH), limits.upload_bytes)
    sizes = {**uploads, "/v1/jobs": limits.job_bytes, upload_page.PATH: limits.job_bytes + MIB}
    app.add_middleware(BodyGuard, limits=limits, sizes=sizes)
    app.add_middleware(OriginGuard, settings=services.settings)
    app.add_middleware(RequestLog, metrics=services.metrics, versions=lambda: model_headers(services.rules))
    return app
