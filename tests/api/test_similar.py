"""POST /v1/similar: neighbors of photos and items, from an index that was given or made while serving."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from clothier.api import similar_index
from clothier.api.services import Services
from clothier.api.settings import Settings
from clothier.errors import DataError
from clothier.store.schema import FILES
from clothier.workflows.index import index
from clothier.workflows.similar import similar
from clothier.workflows.tag import STORE_SUFFIX
from tests.color_photos import draw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from clothier.bundle import Bundle
    from tests.api.conftest import OpenClient

SHADES = {"dress": (0, 40, 80), "hat": (0, 40), "skirt": (0,)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos in ``photos``; the first two of each class are one product."""
    folder, rows = tmp_path_factory.mktemp("similar"), ["file,style"]
    for name, shades in SHADES.items():
        for number, shade in enumerate(shades):
            draw(folder / "photos" / f"{name}-{number}.png", name, shade)
            rows.append(f"{name}-{number}.png,{name if number < 2 else ''}")
    (folder / "photos" / "list.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def catalogue(folder: Path, model_path: Path) -> Path:
    """An index of them, whose store is beside it."""
    index(folder / "photos/list.csv", folder / "index", model=model_path, product_column="style")
    return folder / "index"


@pytest.fixture
def client(open_client: OpenClient, catalogue: Path, tmp_path: Path) -> TestClient:
    """A server with that index and store."""
    return open_client(index=catalogue, store=shutil.copy(f"{catalogue}{STORE_SUFFIX}", tmp_path / "a.db"))


def find(client: TestClient, photo: Path, query: str = "") -> Any:
    answer = client.post(f"/v1/similar?{query}", files={"files": (str(photo), photo.read_bytes())})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]


def names(found: Any) -> list[str]:
    return [one["file"] for one in found["neighbours"]]


def wait_for_index(client: TestClient, n: int) -> None:
    deadline = time.monotonic() + 60
    body = {"item_id": client.get("/v1/items").json()["items"][0]["item_id"]}
    while client.post("/v1/similar", json=body).json().get("photos") != n:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_photos_and_items_are_searched_as_by_the_command(client: TestClient, folder: Path, catalogue: Path) -> None:
    path = folder / "photos/dress-0.png"
    (told,) = similar([path], catalogue)
    found = find(client, path)
    shown = [{name: one[name] for name in ("item_id", "file", "score")} for one in found["neighbours"]]
    assert {**found, "neighbours": shown} == told.to_json()
    assert (found["neighbours"][0]["class"], found["neighbours"][-1]["color"]) == ("dress", None)
    (item_id,) = {one["item_id"] for one in client.get("/v1/items").json()["items"]} - {
        one["item_id"] for one in found["neighbours"]
    }
    answer = client.post("/v1/similar", json={"item_id": item_id})
    assert (answer.status_code, answer.json()["photos"]) == (200, 6)
    assert names(answer.json()["results"][0]) == names(found), "the photo itself is left out"


def test_filters_of_similar(client: TestClient, folder: Path) -> None:
    dress = folder / "photos/dress-0.png"
    assert sorted(names(find(client, dress, "class=hat"))) == ["hat-0.png", "hat-1.png"]
    assert names(find(client, dress, "top=1&product=hat")) == ["hat-0.png"]
    others = names(find(client, dress, "not_same_product=true"))
    assert ("dress-1.png" in others, "dress-2.png" in others) == (False, True)
    assert len(names(find(client, folder / "photos/skirt-0.png", "one_per_product=true"))) == 3
    new = find(client, draw(folder / "new.png", "dress", 20), "not_same_product=true")
    assert (len(names(new)), len(new["notes"])) == (6, 1)


def test_bad_searches(client: TestClient, folder: Path) -> None:
    photo = {"files": (folder / "photos/hat-0.png").read_bytes()}
    failed = client.post("/v1/similar", files={"files": ("b.txt", b"text")}).json()["results"]
    assert failed[0]["error"]["code"] == "not-an-image"
    for query in ("class=trousers", "color=x", "top=0", "top=101", "class=%00"):
        assert client.post(f"/v1/similar?{query}", files=photo).status_code == 422, query
    for body, status in (({"item_id": "none"}, 404), ({}, 422), ({"item_id": ""}, 422), ([], 422), (None, 415)):
        assert client.post("/v1/similar", json=body).status_code == status, body
    for name in ("../../etc/passwd", "<script>", "a\0b"):
        assert client.post("/v1/similar", json={"item_id": name}).status_code in (404, 422)
    assert client.post("/v1/similar", files=photo).status_code == 200


def test_an_index_of_another_model(
    open_client: OpenClient, catalogue: Path, store_path: Path, tmp_path: Path, color_bundle: Callable[..., Bundle]
) -> None:
    other = color_bundle(tmp_path / "other", {"dress": (0, 0, 0), "hat": (9, 9, 9)}).path
    with pytest.raises(DataError, match="was made with another model: colors"):
        Services.open(Settings(store_path, other, index=catalogue))
    client = open_client(index=catalogue)
    services = client.app.state.services
    services.served = type(services.served)("other", Services.open(Settings(store_path, other)).rules, None)
    answer = client.post("/v1/similar", json={"item_id": "a"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:other-model")
    assert str(catalogue) not in answer.text


def test_an_index_that_is_replaced_or_damaged(
    client: TestClient, catalogue: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar_index, "RETRY_SECONDS", 0.0)
    services = client.app.state.services
    watched = services.similar._path = shutil.copytree(catalogue, tmp_path / "index")
    services.similar.refresh(services.store, services.served)
    assert find(client, folder / "photos/hat-0.png")
    (watched / "vectors.npy").write_bytes(b"damaged")
    (watched / "index.json").touch()
    services.similar.refresh(services.store, services.served)
    assert find(client, folder / "photos/hat-0.png"), "the one before stays"
    before = services.similar._index
    shutil.copy(catalogue / "vectors.npy", watched)
    services.similar.refresh(services.store, services.served)
    assert services.similar._index is not before, "it is tried again"


def test_without_an_index_the_store_is_searched(open_client: OpenClient, make_zip: Callable[..., bytes]) -> None:
    client = open_client()
    answer = client.post("/v1/similar", files={"files": b"x"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:no-index")
    zip_type = {"Content-Type": "application/zip"}
    for n, classes in ((2, ("dress", "hat")), (5, ("dress", "hat", "skirt", "skirt", "skirt"))):
        assert client.post("/v1/jobs", content=make_zip(*classes), headers=zip_type).status_code == 202
        deadline = time.monotonic() + 60
        while len(items := client.get("/v1/items").json()["items"]) < n:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        wait_for_index(client, n)
    (found,) = client.post("/v1/similar", json={"item_id": items[0]["item_id"]}).json()["results"]
    assert len(found["neighbours"]) == 4


def test_an_index_of_the_store_follows_reviews_and_removals(
    open_client: OpenClient, make_zip: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar_index, "REVIEWS_SECONDS", 0.0)
    client = open_client()
    services = client.app.state.services
    client.post("/v1/jobs", content=make_zip("dress", "hat"), headers={"Content-Type": "application/zip"})
    deadline = time.monotonic() + 60
    while len(items := client.get("/v1/items").json()["items"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    wait_for_index(client, 2)
    ids = {one["class"]: one["item_id"] for one in items}
    body = {"action": "correct", "items": [{"item_id": ids["dress"], "class": "skirt"}], "reviewer": "Anna"}
    assert client.post("/v1/reviews", json=body).status_code == 200
    services.similar.refresh(services.store, services.served)
    (found,) = client.post("/v1/similar?class=skirt", json={"item_id": ids["hat"]}).json()["results"]
    assert [one["item_id"] for one in found["neighbours"]] == [ids["dress"]]
    services.store.write(lambda connection: connection.execute(FILES.delete()))
    services.similar._state = None
    services.similar.refresh(services.store, services.served)
    answer = client.post("/v1/similar", json={"item_id": ids["hat"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:no-index")
