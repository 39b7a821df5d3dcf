"""/v1/reviews and /v1/models: queue, accept, correct, undo, conflicts, promote, roll back."""

from __future__ import annotations

import base64
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue.versions import promote, register
from clothier.inference import load
from clothier.store import open_store
from clothier.workflows.tag import tag
from tests.color_photos import draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from clothier.bundle import Bundle
    from tests.api.conftest import OpenClient


@pytest.fixture
def doubtful(tmp_path: Path, store_path: Path, color_bundle: Callable[..., Bundle]) -> None:
    """Five items that a model is not sure of."""
    model = save_model(tmp_path / "unsure", color_bundle, min_probability=1.0)
    tag(draw_folder(tmp_path / "photos"), store=store_path, model=model)


@pytest.fixture
def client(open_client: OpenClient, doubtful: None) -> TestClient:
    return open_client()


def first(client: TestClient) -> dict[str, Any]:
    return client.get("/v1/reviews/queue?limit=1").json()["items"][0]


def test_the_queue_in_pages(client: TestClient) -> None:
    page = client.get("/v1/reviews/queue?limit=3").json()
    rest = client.get(f"/v1/reviews/queue?after={page['next']}").json()
    found = [one["item_id"] for one in page["items"] + rest["items"]]
    assert len(set(found)) == len(found) == 5
    assert {one["decision"] for one in page["items"]} == {"review"}
    assert client.get("/v1/reviews/queue?class=hat").json()["items"][0]["class"] == "hat"


def test_correct_and_undo(client: TestClient) -> None:
    item = first(client)
    judged = {"item_id": item["item_id"], "class": "skirt", "revision": item["revision"]}
    done = client.post("/v1/reviews", json={"action": "correct", "items": [judged], "reviewer": "Anna"})
    assert (done.status_code, done.json()["n"], done.json()["reviewer"]) == (200, 1, "Anna")
    found = client.get(f"/v1/items/{item['item_id']}").json()
    assert (found["reviewed_class"], found["reviewed_by"]) == ("skirt", "Anna")
    assert found["history"][-1]["actor"] == "person Anna"
    assert client.get("/v1/items?class=skirt&reviewed=true").json()["items"][0]["item_id"] == item["item_id"]
    assert client.post("/v1/reviews", json={"action": "undo", "reviewer": "Anna"}).json()["n"] == 1
    nothing = client.post("/v1/reviews", json={"action": "undo", "reviewer": "nobody"})
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:clothier:problem:nothing-to-undo")
    assert client.get(f"/v1/items/{item['item_id']}").json()["reviewed_at"] is None


def test_none_of_the_classes(client: TestClient) -> None:
    judged = {"item_id": first(client)["item_id"], "class": None}
    assert client.post("/v1/reviews", json={"action": "correct", "items": [judged]}).json()["n"] == 1


def test_two_reviewers_of_one_item(client: TestClient) -> None:
    item = first(client)
    seen = {"item_id": item["item_id"], "revision": item["revision"]}
    assert client.post("/v1/reviews", json={"action": "accept", "items": [seen], "reviewer": "Anna"}).json()["n"] == 1
    late = client.post("/v1/reviews", json={"action": "accept", "items": [seen], "reviewer": "Ben"})
    assert (late.status_code, late.json()["type"]) == (409, "urn:clothier:problem:conflict")
    assert "Anna" in late.json()["detail"]
    other = {"item_id": first(client)["item_id"]}
    both = client.post("/v1/reviews", json={"action": "accept", "items": [seen, other], "reviewer": "Ben"}).json()
    assert (both["item_ids"], [one["item_id"] for one in both["conflicts"]]) == ([other["item_id"]], [item["item_id"]])


def test_accept_all_and_the_same_key_again(client: TestClient) -> None:
    body = {"action": "accept-all", "filter": {"decision": "review", "class": "dress"}}
    done = [client.post("/v1/reviews", json=body, headers={"Idempotency-Key": "k"}).json() for _ in range(2)]
    assert done[0]["n"] == done[1]["n"] == 2
    assert done[0]["action_id"] == done[1]["action_id"]
    assert (done[0]["n_left"], done[1]["n_left"]) == (0, 0)
    assert client.post("/v1/reviews", json=body).json()["n"] == 0


def test_with_a_key_the_reviewer_is_its_name(
    open_client: OpenClient, new_key: Callable[[str], dict[str, str]], doubtful: None
) -> None:
    client = open_client(host="0.0.0.0")  # noqa: S104 - nothing listens
    key = new_key("review")
    item = client.get("/v1/reviews/queue", headers=key).json()["items"][0]
    body = {"action": "accept", "items": [{"item_id": item["item_id"]}]}
    assert client.post("/v1/reviews", json={**body, "reviewer": "Anna"}, headers=key).status_code == 403
    assert client.post("/v1/reviews", json=body, headers=key).json()["reviewer"] == "a review key"
    assert client.post("/v1/reviews", json=body, headers=new_key("read")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        "null", "[]", "{}", "{", '"x"', '{"action": "delete"}', '{"action": "accept", "items": []}',
        '{"action": "accept", "items": [{"item_id": "\\u0000"}]}',
        '{"action": "accept", "items": [{"item_id": "\\ud800"}]}',
        '{"action": "accept", "items": [{"item_id": "x", "revision": 99999999999999999999}]}',
        '{"action": "accept", "items": [{"item_id": "x", "extra": 1}]}',
        '{"action": "correct", "items": [{"item_id": "x", "class": "no such class"}]}',
        '{"action": "correct", "items": [{"item_id": "x", "class": "hat"}, {"item_id": "x", "class": "hat"}]}',
        '{"action": "accept-all", "filter": {}}',
        '{"action": "accept-all", "filter": {"decision": "review", "source": "nowhere"}}',
        '{"action": "undo", "reviewer": "\\u0000"}',
        '{"action": "undo", "reviewer": ""}', "[" * 100_000,
    ],
)  # fmt: skip
def test_bad_requests(client: TestClient, body: str) -> None:
    answer = client.post("/v1/reviews", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (400 if body.startswith("[[") else 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_items_that_are_not_there(client: TestClient) -> None:
    answer = client.post("/v1/reviews", json={"action": "accept", "items": [{"item_id": "none"}]})
    assert (answer.status_code, answer.json()["conflicts"][0]["item_id"]) == (409, "none")


@pytest.mark.parametrize(
    "place",
    [
        *("!", "{}", "AAAA", '{"n": Infinity, "doubtful": 0, "drawn": 0}'),
        '{"n": 0, "doubtful": [-1, 0, "a"], "drawn": null}',
        '{"n": 0, "doubtful": [0, NaN, "a"], "drawn": null}',
        '{"n": 0, "doubtful": [0, 0, "\\ud800"], "drawn": null}',
        '{"n": 0, "doubtful": null, "drawn": [0, ["a"]]}',
    ],
)
def test_bad_places_in_the_queue(client: TestClient, place: str) -> None:
    after = base64.urlsafe_b64encode(place.encode()).decode() if place.startswith("{") else place
    assert client.get(f"/v1/reviews/queue?after={after}").status_code == 422


def test_promote_and_roll_back(
    open_client: OpenClient, store_path: Path, tmp_path: Path, color_bundle: Callable[..., Bundle]
) -> None:
    with open_store(store_path) as store:
        first_version, second = (
            register(store, str(path), load(path))
            for path in (save_model(tmp_path / name, color_bundle, share) for name, share in (("a", 0.5), ("b", 0.9)))
        )
    client = open_client(model=None)
    assert client.get("/v1/models").json()["serving"]["name"] == "photo"
    done = client.post(f"/v1/models/{first_version}/promote").json()
    assert done["serving"]["name"] == "a"
    assert client.post(f"/v1/models/{first_version}/promote").status_code == 409
    assert client.get("/healthz").headers["Clothier-Model"].startswith("a; digest=")
    assert client.post(f"/v1/models/{second}/promote").json()["serving"]["name"] == "b"
    assert {one["name"]: one["status"] for one in client.get("/v1/models").json()["versions"]} == {
        "a": "retired",
        "b": "current",
    }
    assert client.post("/v1/models/rollback").json()["serving"]["name"] == "a"
    assert client.post("/v1/models/rollback").json()["serving"]["name"] == "photo"
    assert client.post("/v1/models/rollback").status_code == 409
    assert str(tmp_path) not in client.get("/v1/models").text
    for version in (first_version, second):
        client.post(f"/v1/models/{version}/promote")
    shutil.rmtree(tmp_path / "a")
    for path in ("rollback", f"{first_version}/promote"):
        answer = client.post(f"/v1/models/{path}")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:cannot-load")
        assert str(tmp_path) not in answer.text
    now = client.get("/v1/models").json()
    assert (now["serving"]["name"], now["versions"][0]["status"]) == ("b", "current")


def test_a_model_that_the_codes_do_not_fit_is_not_promoted(
    open_client: OpenClient,
    store_path: Path,
    tmp_path: Path,
    color_bundle: Callable[..., Bundle],
    make_zip: Callable[..., bytes],
) -> None:
    fits = save_model(tmp_path / "fits", color_bundle)
    other = color_bundle(tmp_path / "other", {"coat": (0, 0, 0), "gown": (9, 9, 9)}).path
    with open_store(store_path) as store:
        first, second = (register(store, str(path), load(path)) for path in (fits, other))
        promote(store, first, "anna")
    (tmp_path / "codes.toml").write_text('[codes]\ndress = "D1"\nhat = "H1"\nskirt = "S1"\n')
    client = open_client(model=None, taxonomy=tmp_path / "codes.toml")
    for path in (f"{second}/promote", "rollback"):  # and the model that comes with Clothier
        answer = client.post(f"/v1/models/{path}")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:cannot-load")
        assert "--taxonomy" in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
    now = client.get("/v1/models").json()
    assert {one["name"]: one["status"] for one in now["versions"]} == {"fits": "current", "other": "candidate"}
    job = client.post("/v1/jobs", content=make_zip("dress"), headers={"Content-Type": "application/zip"}).json()
    deadline = time.monotonic() + 60
    while client.get(f"/v1/jobs/{job['job_id']}").json()["status"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("version", "status"), [("0" * 16, 404), ("../../x", 404), ("XYZ", 422), ("%00", 422)])
def test_no_such_version(client: TestClient, version: str, status: int) -> None:
    assert client.post(f"/v1/models/{version}/promote").status_code == status
