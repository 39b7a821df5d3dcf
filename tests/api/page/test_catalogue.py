"""The catalogue's pages: list, filters, paging, item, exports, photos, quality."""

from __future__ import annotations

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PIL import Image

from clothier.api import downloads
from clothier.api.page import catalogue
from clothier.api.page.pages import LINKS
from tests.api.page.conftest import IDS

if TYPE_CHECKING:
    import pytest
    from fastapi.testclient import TestClient

    from tests.api.page.conftest import Shop


def listed(page: str) -> set[str]:
    return set(re.findall(r'href="/catalogue/items/([^"?]+)"', page))


def test_the_list_its_filters_and_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {quote(one, safe="") for one in IDS}
    assert listed(shop.page("/catalogue")) == everything
    assert "<script>alert" not in shop.page("/catalogue?text=%3Cscript%3Ealert")
    for query, found in (
        ("class=hat", {"%3Cscript%3E", "sku-3"}),
        ("product=line+1&class=dress", {"sku-2", "sku-4"}),
        ("text=SKU-1", {"sku-1"}),
        ("text=5.png", {"sku-4"}),
        ("decision=review&reviewed=no", everything),
        ("decision=accept", set()),
        ("reviewed=yes", set()),
    ):
        assert listed(shop.page(f"/catalogue?{query}")) == found, query
    monkeypatch.setattr(catalogue, "PAGE", 4)
    for order in ("", "doubtful", "certain", "id"):
        first = shop.page(f"/catalogue?order={order}")
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following
        rest = shop.page(following[1].replace("&amp;", "&"))
        assert (len(listed(first)), listed(first) | listed(rest)) == (4, everything)
    assert shop.client.get("/catalogue?order=size").status_code == 422
    assert shop.client.get("/catalogue?after=AAAA").status_code == 422


def test_pages_with_nothing_to_show(client: TestClient, shop: Shop) -> None:
    client.headers["Accept"] = "text/html"
    for path in (*(link.path for link in LINKS), "/review/many", "/review/accuracy"):
        answer = client.get(path)
        assert (answer.status_code, "<" in answer.text) == (200, True), path
    shop.client.cookies.set("clothier_reviewer", "Anna")
    nothing = "class=hat&decision=accept"
    for path in (f"/catalogue?{nothing}", f"/review?{nothing}", f"/review/many?{nothing}", "/duplicates?only=product"):
        assert "<h2>No" in shop.page(path), path


def test_an_item_with_its_history(shop: Shop) -> None:
    page = shop.page(f"/catalogue/items/{quote(IDS[0], safe='')}")
    assert "model unsure" in page
    assert "0.png" in page
    assert f'src="/photos/large/{quote(IDS[0], safe="")}"' in page
    assert shop.client.get("/catalogue/items/none").status_code == 404
    page = shop.page("/catalogue/items/%3Cscript%3E")
    assert "&lt;script&gt;" in page
    assert "curl http://localhost/v1/items/%3Cscript%3E" in page


def test_photos_are_small_jpegs_without_metadata_and_are_not_sent_twice(shop: Shop) -> None:
    path = f"/photos/large/{quote(IDS[0], safe='')}"
    answer = shop.client.get(path)
    assert answer.headers["Content-Type"] == "image/jpeg"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.size, image.mode, dict(image.getexif())) == ((24, 24), "RGB", {})
    again = shop.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert shop.client.get("/photos/huge/sku-1").status_code == 422
    for item_id in ("none", "..%2F..%2Fetc%2Fpasswd"):
        missing = shop.client.get(f"/photos/large/{item_id}")
        assert (missing.status_code, missing.headers["Content-Type"]) == (404, "image/svg+xml")


def test_a_photo_that_is_gone_has_a_sentence_in_its_place(shop: Shop) -> None:
    photo = shop.folder / "photos" / "3.png"
    content = photo.read_bytes()
    photo.unlink()
    try:
        answer = shop.client.get("/photos/large/sku-2")
    finally:
        photo.write_bytes(content)
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "is not in its folder" in re.sub(r"<[^>]+>\s*", " ", answer.text)
    assert str(shop.folder) not in answer.text


def test_exports_of_what_is_listed(shop: Shop) -> None:
    csv = shop.client.get("/catalogue/export?class=hat&format=csv")
    assert csv.headers["Content-Disposition"] == 'attachment; filename="tags.csv"'
    assert [line.split(",")[0] for line in csv.text.splitlines()] == ["item_id", "<script>", "sku-3"]
    source = quote(str(shop.folder / "photos" / "photos.csv"))
    assert len(shop.client.get(f"/catalogue/export?source={source}&text=sku").text.splitlines()) == 5
    shopify = shop.client.get("/catalogue/export?format=shopify").text
    assert len(shopify.splitlines()) == 1  # nothing is accepted or reviewed
    body = {"action": "accept", "items": [{"item_id": "sku-1"}], "reviewer": "Anna"}
    assert shop.client.post("/v1/reviews", json=body).status_code == 200
    page = shop.page("/catalogue?class=skirt")
    assert '<input type="hidden" name="class" value="skirt">' in page[page.index('action="/catalogue/export"') :]
    given = {"class": "skirt", "format": "shopify", "image_url": "https://cdn.example.com/x"}
    assert ",https://cdn.example.com/x/2.png," in shop.client.get("/catalogue/export", params=given).text
    assert shop.client.get("/catalogue/export", params={**given, "image_url": ""}).status_code == 200
    assert shop.client.get("/catalogue/export", params={**given, "image_url": "file:///x"}).status_code == 422
    google = shop.client.get("/catalogue/export?format=google")
    assert google.text.startswith("id\ttitle")
    tasks = zipfile.ZipFile(io.BytesIO(shop.client.get("/catalogue/export?format=label-studio").content))
    assert tasks.namelist() == ["tasks.json", "labeling_config.xml"]
    assert shop.client.get("/catalogue/export?format=exe").status_code == 422


def test_quality(shop: Shop) -> None:
    page = shop.page("/quality")
    assert "Nobody has reviewed a photo yet" in page
    body = {"action": "correct", "items": [{"item_id": "sku-1", "class": "hat"}], "reviewer": "Anna"}
    assert shop.client.post("/v1/reviews", json=body).status_code == 200
    page = shop.page("/quality")
    assert "1 of 6 photos are reviewed (Anna 1)" in page
    assert re.search(r'scope="row">2\d\d\d-W\d\d<', page)
    assert 'style="' not in page


def test_duplicates(shop: Shop) -> None:
    page = shop.page("/duplicates")
    assert "<h1>Duplicates</h1>" in page
    csv = shop.client.get("/duplicates/export")
    assert csv.text.startswith("group,keep,item_id,file")
    assert shop.client.get("/duplicates?start=-1").status_code == 422
    assert "No such group" not in shop.page("/duplicates?start=1000000"), "the last page"
    assert "<h1>Duplicates</h1>" in shop.page("/duplicates?only=class")


def test_similar_photos(shop: Shop) -> None:
    services = shop.client.app.state.services  # type: ignore[attr-defined]
    services.similar.refresh(services.store, services.served)
    assert 'src="/photos/small/sku-2"' in shop.page(f"/catalogue/similar/{quote(IDS[0], safe='')}")
    assert "There is no such photo" in shop.page("/catalogue/similar/none")


def test_downloads_leave_the_threads_of_the_store_to_reviewers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    started, is_enough = Semaphore(0), Event()
    at_once: list[int] = []

    def slow(*given: Any) -> None:
        at_once.append(1)
        started.release()
        is_enough.wait(30)
        at_once.pop()
        given[-1].touch()

    monkeypatch.setattr(catalogue, "_write", slow)
    with ThreadPoolExecutor(6) as pool:  # more than the store has threads
        found = [pool.submit(shop.client.get, "/catalogue/export") for _ in range(6)]
        for _ in range(downloads.MAX_AT_ONCE):
            assert started.acquire(timeout=30)
        assert shop.client.get("/catalogue").status_code == 200
        assert len(at_once) == downloads.MAX_AT_ONCE
        monkeypatch.setattr(downloads, "MAX_WAITING", 1)
        refused = shop.client.get("/catalogue/export")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
        is_enough.set()
        assert len([one.result() for one in found]) == 6
