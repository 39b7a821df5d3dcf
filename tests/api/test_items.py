"""GET /v1/items and its pages."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from clothier.workflows.tag import tag
from tests.color_photos import draw

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

PLACE = base64.urlsafe_b64encode(b'["sku-1", "sku-1"]').decode().rstrip("=")  # of the order "id"
IDS = ["a/../b", "<script>", "ä\nö", "sku-1", "sku-2"]


@pytest.fixture
def tagged(tmp_path: Path, store_path: Path, model_path: Path) -> None:
    rows = ["file,sku,line"]
    for number, (item_id, name) in enumerate(zip(IDS, ["dress", "hat", "skirt", "dress", "hat"], strict=True)):
        draw(tmp_path / f"{number}.png", name, number)
        rows.append(f'{number}.png,"{item_id}",line {number % 2}')
    (tmp_path / "photos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    tag(tmp_path / "photos.csv", store=store_path, model=model_path, id_column="sku", product_column="line")


def test_an_empty_catalogue(client: TestClient) -> None:
    assert client.get("/v1/items").json() == {"items": [], "next": None}


@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize("order", ["id", "newest", "doubtful", "certain"])
def test_pages_have_every_item_once(client: TestClient, order: str) -> None:
    found, after = [], ""
    while True:
        page = client.get(f"/v1/items?limit=2&order={order}{after}").json()
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    ids = [one["item_id"] for one in found]
    by_id = sorted(IDS, key=str.encode)
    if order in ("doubtful", "certain"):
        ranks = [(one["probability"], by_id.index(one["item_id"])) for one in found]
        assert ranks == sorted(ranks, reverse=order == "certain")
        assert set(ids) == set(IDS)
    else:
        assert ids == (by_id if order == "id" else by_id[::-1])


@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("class=dress", ["a/../b", "sku-1"]),
        ("product=line+1", ["<script>", "sku-1"]),
        ("decision=accept&class=skirt", ["ä\nö"]),
        ("decision=review", []),
        ("min_probability=0.5", IDS),
        ("max_probability=0.5", []),
        ("model=colors&reviewed=false", IDS),
        ("reviewed=true", []),
        ("class=%27%20OR%201=1--", []),
        ("color=mauve", []),
        ("text=SKU", ["sku-1", "sku-2"]),
        ("text=2.png", ["ä\nö"]),
        ("text=%25", []),
        ("decision=uncalibrated", []),
        ("source=elsewhere", []),
    ],
)
def test_filters(client: TestClient, query: str, ids: list[str]) -> None:
    assert {one["item_id"] for one in client.get(f"/v1/items?{query}").json()["items"]} == set(ids)


@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize("item_id", IDS)
def test_one_item(client: TestClient, item_id: str, tmp_path: Path) -> None:
    item = client.get(f"/v1/items/{quote(item_id, safe='')}").json()
    number = IDS.index(item_id)
    assert item["item_id"] == item_id
    assert item["files"] == [{"source": str(tmp_path / "photos.csv"), "file": f"{number}.png"}]
    assert [one["actor"] for one in item["history"]] == ["model colors"]
    assert item["top"][0] == {"class": item["class"], "probability": item["probability"]}


@pytest.mark.parametrize("item_id", ["none", "..", "%00", "%2e%2e%2fetc", "x" * 900, "%ff%fe"])
def test_no_such_item(client: TestClient, item_id: str) -> None:
    answer = client.get(f"/v1/items/{item_id}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "decision=maybe", "min_probability=nan", "max_probability=2", "class=%00", "after=%00",
     "after=!", "after=AA", "after=WyJcdWQ4MDAiLCAiYSJd", "after=W05hTiwgImEiXQ&order=doubtful", "order=size",
     f"after={PLACE}&order=certain", "reviewed=perhaps", f"class={'x' * 1001}"],
)  # fmt: skip
def test_bad_queries(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/items?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:clothier:problem:invalid-request")


def test_long_ids(client: TestClient, tmp_path: Path, store_path: Path, model_path: Path) -> None:
    ids = {f"{number}{'ж' * 330}" for number in range(4)}  # three kilobytes as escaped JSON
    rows = [f"{number}.png,{one}" for number, one in enumerate(sorted(ids))]
    for number in range(4):
        draw(tmp_path / f"{number}.png", "dress", number)
    (tmp_path / "photos.csv").write_text("\n".join(["file,sku", *rows]), encoding="utf-8")
    tag(tmp_path / "photos.csv", store=store_path, model=model_path, id_column="sku")
    lists = [("/v1/items", {"order": one}) for one in ("id", "newest", "doubtful", "certain")]
    for path, query in (*lists, ("/v1/reviews/queue", {"decision": "accept"})):
        found, after = set(), {}
        for _ in range(4):
            page = client.get(path, params={**query, **after, "limit": 1}).json()
            found.add(page["items"][0]["item_id"])
            after = {"after": page["next"]}
        assert found == ids, query
