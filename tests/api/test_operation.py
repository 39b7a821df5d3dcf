"""Health, metrics, request ids, errors, and a store that is locked or gone."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from clothier.api import job_worker, services
from clothier.api.routes import items

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient


def test_request_ids(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert client.get("/healthz", headers={"X-Request-ID": "job-7.a_B"}).headers["X-Request-ID"] == "job-7.a_B"
    assert "GET /healthz 200" in caplog.text
    assert "id=job-7.a_B" in caplog.text
    for bad in ("a b", "x" * 65, "a\tb", "<script>"):
        made = client.get("/nothing", headers={"X-Request-ID": bad})
        assert made.json()["request_id"] == made.headers["X-Request-ID"] != bad


def test_every_answer_is_safe_for_browsers(client: TestClient) -> None:
    for path in ("/healthz", "/nothing", "/v1/items", "/v1/items?limit=x"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1", 404), ("POST", "/v1/items", 405), ("GET", "/v1/classify", 405),
     ("PUT", "/v1/jobs", 405), ("GET", "/docs", 404), ("TRACE", "/healthz", 405), ("GET", "/%00/..%2f", 404)],
)  # fmt: skip
def test_what_is_not_there(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "/openapi.json" in answer.json()["detail"]


def test_metrics(client: TestClient, photo: bytes) -> None:
    client.post("/v1/classify", files=[("files", photo), ("files", b"text")])
    for path in ("a", "b", "c"):
        client.get(f"/made-up/{path}")
    text = client.get("/metrics").text
    assert 'clothier_requests_total{method="POST",route="/v1/classify",status="200"} 1.0' in text
    assert 'clothier_requests_total{method="any",route="none",status="404"} 3.0' in text
    assert 'clothier_photos_total{result="accept"} 1.0' in text
    assert 'clothier_photos_total{result="not-an-image"} 1.0' in text
    assert "clothier_photos_waiting 0.0" in text
    assert "made-up" not in text


def test_an_unexpected_error_says_nothing_of_its_cause(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret cause")

    monkeypatch.setattr(items, "list_items", fail)
    answer = client.get("/v1/items")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:clothier:problem:internal-error")
    assert "secret cause" not in answer.text
    assert "secret cause" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text
    assert client.get("/healthz").status_code == 200


def test_a_store_that_is_locked(open_client: OpenClient, store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PATIENCE", 0.2)
    client = open_client()
    with sqlite3.connect(store_path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/v1/jobs", content=b"x", headers={"Content-Type": "application/zip"})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:clothier:problem:store-unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert client.get("/v1/items").status_code == 200, "readers do not wait"
        other.execute("ROLLBACK")
    other.close()
    assert client.post("/v1/jobs", content=b"x", headers={"Content-Type": "application/zip"}).status_code == 202


def test_a_store_that_is_gone_and_comes_back(
    open_client: OpenClient,
    store_path: Path,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(job_worker, "POLL_SECONDS", 0.05)
    client = open_client()
    away = store_path.with_name("away.db")
    store_path.rename(away)
    for path in ("/v1/items", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:clothier:problem:store-unavailable")
        assert store_path.name not in answer.text
    assert "Put it back" in caplog.text
    assert client.get("/healthz").status_code == 200
    assert client.post("/v1/classify", files={"files": photo}).status_code == 200, "it needs no store"
    time.sleep(0.3)
    assert not store_path.exists(), "the thread of jobs would make a new one"
    away.rename(store_path)
    assert client.get("/v1/items").status_code == 200


def test_stopping(client: TestClient) -> None:
    client.app.state.services.is_stopping = True
    assert client.get("/readyz").status_code == 503


def test_no_dependency_runs_in_a_thread_of_its_own(
    client: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread for each request costs as much time as all else of it; FastAPI starts one for what is not async."""
    monkeypatch.delattr("fastapi.dependencies.utils.run_in_threadpool")
    assert client.post("/v1/classify", files=[("files", photo)]).status_code == 200
    for path in ("/v1/items?class=dress", "/v1/models", "/catalogue?color=red", "/review", "/quality", "/study"):
        assert client.get(path).status_code == 200, path
