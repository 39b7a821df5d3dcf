"""A misspelled parameter is refused by every route: an ignored filter would give a list that looks right and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

HTML = {"Accept": "text/html"}


def test_every_address_refuses_what_it_does_not_know(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]
    requests = [(method, path) for path, methods in described.items() for method in methods]
    pages = ("/", "/catalogue", "/catalogue/export", "/review", "/review/many", "/duplicates", "/quality", "/models")
    for method, path in (*requests, *(("get", one) for one in (*pages, "/study", "/sign-in", "/favicon.ico"))):
        path = path.replace("{version}", "0").replace("{item_id}", "x").replace("{job_id}", "x")  # noqa: PLW2901
        answer = client.request(method, f"{path}?couleur=red")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:clothier:problem:unknown-parameter"), path


def test_the_answer_names_it_and_what_is_accepted(client: TestClient) -> None:
    problem = client.get("/v1/items?class=dress&couleur=red").json()
    assert "'couleur'" in problem["detail"]
    assert "class, color, decision" in problem["detail"]
    assert problem["errors"][0]["field"] == "query.couleur"
    assert "takes none" in client.get("/v1/models?x").json()["detail"]
    page = client.get("/review?text=shoe", headers=HTML)
    assert (page.status_code, "There is no parameter &#39;text&#39;" in page.text) == (422, True)


@pytest.mark.parametrize("query", ["class=dress&class=hat", "limit=1&limit=1"])
def test_a_parameter_that_is_given_twice(client: TestClient, query: str) -> None:
    problem = client.get(f"/v1/items?{query}").json()
    assert (problem["status"], problem["type"]) == (422, "urn:clothier:problem:repeated-parameter")


@pytest.mark.parametrize("query", ["catalogue?decision=accepted", "catalogue?reviewed=maybe", "duplicates?only=color"])
def test_values_that_a_page_does_not_know(client: TestClient, query: str) -> None:
    assert client.get(f"/{query}", headers=HTML).status_code == 422


@pytest.mark.parametrize("more", [("top", (None, "1")), ("file", b"another photo")])
def test_a_form_of_photos_has_no_other_fields(client: TestClient, photo: bytes, more: tuple[str, object]) -> None:
    answer = client.post("/v1/classify", files=[("files", photo), more])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:clothier:problem:unknown-field")
    assert repr(more[0]) in answer.json()["detail"]
