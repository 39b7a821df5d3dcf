"""API keys, scopes, rate limits, and requests that a page of another site makes a browser send."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from clothier.api import access
from clothier.errors import DataError, UsageError
from clothier.store import open_store
from clothier.store.api_keys import list_keys, revoke_key
from clothier.workflows.keys import manage_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient

    NewKey = Callable[[str], dict[str, str]]

ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
def remote(open_client: OpenClient) -> TestClient:
    """As it is beyond this machine."""
    return open_client(host="0.0.0.0")  # noqa: S104 - nothing listens


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic wrong", "Bearer " + "x" * 5000, "Bearer \x7f", "wrong"],
)
def test_without_a_valid_key(remote: TestClient, authorization: str | None, photo: bytes) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for answer in (
        remote.get("/v1/items", headers=headers),
        remote.post("/v1/classify", files={"files": photo}, headers=headers),
        remote.post("/v1/jobs", content=b"x", headers=headers | ZIP),
        remote.get("/metrics", headers=headers),
    ):
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:clothier:problem:no-key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "clothier keys create" in answer.json()["detail"]


def test_health_needs_no_key(remote: TestClient) -> None:
    assert [remote.get(path).status_code for path in ("/healthz", "/readyz", "/openapi.json")] == [200, 200, 200]


def test_scopes_include_those_before(remote: TestClient, new_key: NewKey, photo: bytes) -> None:
    keys = {scope: new_key(scope) for scope in ("read", "review", "admin")}
    for (scope, key), status in zip(keys.items(), (403, 415, 415), strict=True):
        assert remote.get("/v1/items", headers=key).status_code == 200
        assert remote.post("/v1/classify", files={"files": photo}, headers=key).status_code == 200
        assert remote.post("/v1/jobs", content=b"x", headers=key).status_code == status, scope
    assert "has the scope read" in remote.delete("/v1/jobs/x", headers=keys["read"]).json()["detail"]


def test_a_revoked_key_is_refused_after_some_seconds(
    remote: TestClient, new_key: NewKey, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REMEMBERED", 0.2)
    key = new_key("read")
    assert remote.get("/v1/items", headers=key).status_code == 200
    with open_store(store_path) as store:
        revoke_key(store, "a read key")
    time.sleep(0.3)
    assert remote.get("/v1/items", headers=key).status_code == 401


def test_only_creating_a_key_makes_a_store(tmp_path: Path) -> None:
    for action in ("list", "revoke"):
        with pytest.raises(DataError, match=r"typo\.db does not exist"):
            manage_keys(tmp_path / "typo.db", action, "anna", "read")
    assert list(tmp_path.iterdir()) == []
    assert manage_keys(tmp_path / "new.db", "create", "anna", "read").secret
    for name in ("local", "a\u202eb", " a"):
        with pytest.raises(UsageError, match="name"):
            manage_keys(tmp_path / "new.db", "create", name, "read")


def test_keys_are_in_no_log_and_not_in_the_store(
    remote: TestClient,
    new_key: NewKey,
    store_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("clothier", "uvicorn"):  # another test may have started a server in this process
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    caplog.set_level("INFO")
    key = new_key("read")
    secret = key["Authorization"].removeprefix("Bearer ")
    remote.get(f"/v1/items?class={secret}", headers=key)
    remote.get("/v1/items", headers={"Authorization": f"Bearer {secret}x"})
    ours = [one.getMessage() for one in caplog.records if one.name.startswith(("clothier", "uvicorn"))]
    assert "key=a read key" in ours[0]
    assert secret not in "".join(ours)
    files = [path.read_bytes() for path in store_path.parent.glob("catalogue.db*")]
    assert not any(secret.encode() in one for one in files)
    with open_store(store_path) as store:
        assert [one.name for one in list_keys(store)] == ["a read key"]


def test_guessing_keys_is_slowed_down(open_client: OpenClient, new_key: NewKey) -> None:
    client = open_client(host="0.0.0.0", limits={"failed_keys_per_minute": 3})  # noqa: S104 - nothing listens
    wrong = {"Authorization": "Bearer wrong"}
    statuses = [client.get("/v1/items", headers=wrong).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert client.get("/healthz").status_code == 200


def test_too_many_requests(open_client: OpenClient) -> None:
    client = open_client(limits={"requests_per_minute": 2})
    answers = [client.get("/v1/items") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 30
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example", "[::2]"])
def test_another_host_name_on_this_machine(client: TestClient, host: str) -> None:
    answer = client.get("/v1/items", headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:clothier:problem:wrong-host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_names_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/v1/items", headers={"Host": host}).status_code == 200


def test_a_name_behind_a_proxy_needs_keys(open_client: OpenClient, new_key: NewKey) -> None:
    client = open_client(allowed_hosts=["shop.example"])
    assert client.get("/v1/items", headers={"Host": "shop.example"}).status_code == 401
    assert client.get("/v1/items", headers={"Host": "shop.example", **new_key("read")}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(client: TestClient, headers: dict[str, str], photo: bytes) -> None:
    answer = client.post("/v1/classify", files={"files": photo}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:clothier:problem:cross-origin")
    assert "Access-Control-Allow-Origin" not in client.get("/v1/items", headers=headers).headers


def test_pages_of_this_site_may_send(client: TestClient, photo: bytes) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/classify", files={"files": photo}, headers=headers).status_code == 200
