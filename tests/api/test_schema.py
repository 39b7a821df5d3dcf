"""The whole API against its own OpenAPI description: schemathesis sends what it allows, and what it forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import ChecksConfig, GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.config._checks import NegativeDataRejectionConfig, PositiveDataAcceptanceConfig

from clothier.api.app import ROUTERS, create_app
from clothier.api.services import Services
from clothier.api.settings import Limits, Settings
from clothier.store import jobs, open_store
from clothier.store.api_keys import create_key
from clothier.workflows.tag_job import run_next_job
from tests.api.conftest import BASE_URL, zip_photos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

SEED = 0
LIMITS = Limits(failed_keys_per_minute=1_000_000)
FAST, MANY = 4, 30  # examples of each operation, beside those that try each boundary
LIMIT = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}


CHECKS = ChecksConfig(  # beyond those that schemathesis expects
    positive_data_acceptance=PositiveDataAcceptanceConfig(
        expected_statuses=["2xx", 401, 403, 404, 409, 415, 422]  # a cursor or the name of a source need not exist
    ),
    negative_data_rejection=NegativeDataRejectionConfig(
        expected_statuses=[400, 401, 403, 404, 405, 409, 413, 415, 422]  # too many items are too many bytes
    ),
)


schemathesis.openapi.media_type("application/zip", st.binary(min_size=1))


class Later:
    """An app that is made after the tests were collected. It is not started, so that no job is done meanwhile."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("has no lifespan")
        await self.app(scope, receive, send)


LATER = Later()


def describe() -> schemathesis.BaseSchema:
    """The description of all routes. It is the same for every server."""
    bare = FastAPI()
    for router in ROUTERS:
        bare.include_router(router)
    generation = GenerationConfig(deterministic=True, database="none", with_security_parameters=False)
    project = ProjectConfig(generation=generation, checks=CHECKS)
    config = SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_dict(bare.openapi(), config=config)
    schema.app = LATER
    return schema


schema = describe()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_path: Path) -> Iterator[dict[str, Any]]:
    """A server that needs keys, whose store has three tagged photos and two jobs: how a case is sent to it."""
    folder = tmp_path_factory.mktemp("schema")
    services = Services.open(Settings(folder / "a.db", model_path, allowed_hosts=("shop",), threads=1, limits=LIMITS))
    with open_store(folder / "a.db") as store, store.locked():
        for n in (1, 3):
            job, _ = jobs.begin_upload(store, "local", None)
            jobs.add_part(store, job, 0, zip_photos(folder, *("dress", "hat", "skirt")[:n]))
            jobs.complete_upload(store, job, "f")
            run_next_job(store, str(model_path), services.rules, should_stop=lambda: False)
        services.similar.refresh(store, services.served)
        key = create_key(store, "test", "admin")
    LATER.app = create_app(services)
    yield {"base_url": BASE_URL, "headers": {"Authorization": f"Bearer {key}"}}
    services.close()


def test_every_answer_has_an_example_of_its_schema() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    for route in routes:
        success = min(route.responses)
        for content in route.responses[success]["content"].values():
            if hasattr(route.response_model, "model_validate"):
                route.response_model.model_validate(content["example"], by_alias=True, by_name=False)
            assert content["example"], route.path
        problems = {status: one["content"] for status, one in route.responses.items() if status >= 400}
        assert {tuple(one) for one in problems.values()} == {("application/problem+json",)}
    assert len(routes) == 17


@schema.parametrize()
@settings(max_examples=FAST, **LIMIT)
def test_every_route(case: schemathesis.Case, server: dict[str, Any]) -> None:
    case.call_and_validate(**server)


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=MANY, **LIMIT)
def test_every_route_with_many_requests(case: schemathesis.Case, server: dict[str, Any]) -> None:
    case.call_and_validate(**server)
