"""Signing in, forms with tokens, headers of pages, and errors for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.api.page.rendering import POLICY
from clothier.api.page.visits import COOKIE
from clothier.store import open_store, sessions
from clothier.store.api_keys import revoke_key
from tests.api.page.forms import sign_in, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient

    NewKey = Callable[[str], dict[str, str]]

HTML = {"Accept": "text/html,application/xhtml+xml"}
HTMX = {"HX-Request": "true"}
OTHER_SITE = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def remote(open_client: OpenClient) -> TestClient:
    """As it is beyond this machine."""
    client = open_client(host="0.0.0.0")  # noqa: S104 - nothing listens
    client.headers.update(HTML)
    return client


def test_on_this_machine_nobody_signs_in(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "Sign out" not in answer.text
    assert "Set-Cookie" not in client.get("/").headers
    assert client.get("/sign-in", follow_redirects=False).headers["Location"] == "/"


def test_a_key_signs_in_until_it_signs_out(remote: TestClient, new_key: NewKey) -> None:
    answer = remote.get("/catalogue?class=hat", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fcatalogue%3Fclass%3Dhat")
    before = remote.cookies.get(COOKIE)
    sign_in(remote, new_key("read"))
    assert remote.cookies[COOKIE] != before
    page = remote.get("/", follow_redirects=False)
    assert page.status_code == 200
    assert "a read key" in page.text
    assert remote.get("/v1/items").status_code == 401, "the API takes no cookies"
    secret = remote.cookies[COOKIE]
    assert remote.post("/sign-out", data={"csrf": token(page.text)}).url.path == "/sign-in"
    remote.cookies.set(COOKIE, secret)
    assert remote.get("/", follow_redirects=False).status_code == 303, "a copy of the cookie is of no use"


def test_a_session_ends_with_its_time_or_its_key(
    remote: TestClient, new_key: NewKey, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(remote, new_key("review"))
    assert remote.get("/", follow_redirects=False).status_code == 200
    with open_store(store_path) as store:
        revoke_key(store, "a review key")
    assert remote.get("/", follow_redirects=False).status_code == 303
    monkeypatch.setattr(sessions, "LIFETIME", -sessions.LIFETIME)
    sign_in(remote, new_key("read"))
    assert remote.get("/", follow_redirects=False).status_code == 303


def test_wrong_keys_are_counted(open_client: OpenClient) -> None:
    remote = open_client(host="0.0.0.0", limits={"failed_keys_per_minute": 2})  # noqa: S104 - nothing listens
    statuses = []
    for key in ("", "wrong", "wrong"):
        form = {"key": key, "csrf": token(remote.get("/sign-in").text)}
        statuses.append(remote.post("/sign-in", data=form).status_code)
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "https://evil.example/", "/\r\nX: y"])
def test_signing_in_leads_to_no_other_site(remote: TestClient, new_key: NewKey, path: str) -> None:
    assert 'name="next" value="/"' in remote.get("/sign-in", params={"next": path}).text
    form = {"key": new_key("read")["Authorization"][7:], "next": path, "csrf": token(remote.get("/sign-in").text)}
    assert remote.post("/sign-in", data=form, follow_redirects=False).headers["Location"] == "/"


@pytest.mark.parametrize("given", [{}, {"csrf": "0" * 64}, {"csrf": "\u00fc"}])
def test_a_form_without_its_token_is_refused(remote: TestClient, given: dict[str, str]) -> None:
    remote.get("/sign-in")
    answer = remote.post("/sign-in", data={"key": "x", **given})
    assert answer.status_code == 403
    assert "Reload it and try again" in answer.text
    assert remote.post("/sign-in", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_form_of_another_site_is_refused(remote: TestClient) -> None:
    form = {"key": "x", "csrf": token(remote.get("/sign-in").text)}
    assert remote.post("/sign-in", data=form, headers=OTHER_SITE).status_code == 403


def test_a_link_of_another_site_leads_to_the_page_and_signs_nobody_out(remote: TestClient, new_key: NewKey) -> None:
    sign_in(remote, new_key("read"))
    secret = remote.cookies[COOKIE]
    remote.cookies.clear()  # a browser holds it back: SameSite=Strict
    for path in ("/", "/sign-in"):
        answer = remote.get(path, headers=OTHER_SITE)
        assert 'http-equiv="refresh"' in answer.text
        assert "Set-Cookie" not in answer.headers
    remote.cookies.set(COOKIE, secret)
    assert remote.get("/", follow_redirects=False).status_code == 200


def test_people_get_pages_and_programs_get_json(client: TestClient) -> None:
    page = client.get("/<script>", headers=HTML)
    assert page.status_code == 404
    assert "<h1>There is no such page</h1>" in page.text
    assert "<script>" not in page.text.partition("<main")[2]
    assert client.get("/nothing").headers["Content-Type"] == "application/problem+json"
    assert client.get("/v1/items/nothing", headers=HTML).headers["Content-Type"] == "application/problem+json"
    part = client.get("/nothing", headers=HTMX).text
    assert "There is no such page" in part
    assert "<html" not in part


def test_the_name_of_another_host_is_refused_with_a_page(client: TestClient) -> None:
    answer = client.get("/", headers={"Host": "evil.example", **HTML})
    assert answer.status_code == 421
    assert "evil.example" in answer.text


def test_an_htmx_request_without_a_session_leads_to_signing_in(remote: TestClient) -> None:
    answer = remote.get("/", headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/sign-in")
    page = "http://localhost/review?class=hat"
    lost = remote.post("/review", headers={**HTMX, "HX-Current-URL": page}).headers["HX-Redirect"]
    assert lost == "/sign-in?next=%2Freview%3Fclass%3Dhat&lost=yes"
    assert "was not saved" in remote.get(lost).text
    for sent in ({"Referer": page}, {"HX-Current-URL": "http://[", **HTMX}, {"Referer": f"{page}{'x' * 2000}"}):
        answer = remote.post("/review", headers={**HTML, **sent}, follow_redirects=False)
        following = answer.headers.get("Location") or answer.headers["HX-Redirect"]
        assert following == (lost if sent.get("Referer") == page else "/sign-in?lost=yes")
