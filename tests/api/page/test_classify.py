"""``/``: photos in, results out; with htmx and without."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from clothier.api.page.visits import HEADER
from clothier.workflows.index import index
from clothier.workflows.tag import STORE_SUFFIX
from tests.api.page.forms import token
from tests.color_photos import draw, draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from clothier.bundle import Bundle
    from tests.api.conftest import OpenClient

HTMX = {"HX-Request": "true"}


def send(client: TestClient, *photos: tuple[str, bytes]) -> str:
    headers = HTMX | {HEADER: token(client.get("/").text)}
    answer = client.post("/classify", files=[("files", one) for one in photos], headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_results_are_a_fragment_with_what_each_model_says_and_saw(client: TestClient, photo: bytes) -> None:
    text = send(client, ("red.png", photo), ("note.ZIP", b"no image"), ("<script>.png", photo), ("", b""))
    assert "<html" not in text
    assert "<h2>dress</h2>" in text
    assert 'class="decision accept"' in text
    assert "data:image/png;base64," in text
    assert "fashion-cnn" in text
    assert "fashion-dnn" in text
    assert "note.ZIP is not an image" in text
    assert text.count('<a href="/upload">') == 1
    assert "&lt;script&gt;.png" in text
    assert "<script>" not in text
    assert text.count("<article") == 3, "an input without a chosen file is none"
    assert 'clothier_photos_total{result="accept"} 2.0' in client.get("/metrics").text


def test_a_doubtful_photo_is_a_state_of_its_own(
    open_client: OpenClient, tmp_path: Path, color_bundle: Callable[..., Bundle], photo: bytes
) -> None:
    strict = save_model(tmp_path / "strict", color_bundle, min_probability=1.0)
    text = send(open_client(model=strict), ("red.png", photo))
    assert '<span class="decision review">A person should look</span>' in text
    assert "<h2>dress?</h2>" in text
    assert "threshold 100" in text


def test_without_javascript_the_form_answers_with_a_page(client: TestClient, photo: bytes) -> None:
    fields = {"csrf": token(client.get("/").text)}
    answer = client.post("/classify", files={"files": ("red.png", photo)}, data=fields)
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert "<h2>dress</h2>" in answer.text
    assert client.get("/classify", follow_redirects=False).headers["Location"] == "/"


def test_what_is_refused(client: TestClient, photo: bytes) -> None:
    fields = {"csrf": token(client.get("/").text)}
    html = {"Accept": "text/html"}
    wrong = client.post("/classify", files={"files": ("red.png", photo)}, data={"csrf": "0" * 64}, headers=html)
    empty = client.post("/classify", files={"files": ("", b"")}, data=fields, headers=html)
    assert [wrong.status_code, empty.status_code] == [403, 400]
    assert "Reload it" in wrong.text
    assert "no files" in empty.text


def test_similar_garments_of_the_catalogue(open_client: OpenClient, model_path: Path, tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "photos")
    index(folder, tmp_path / "index", model=model_path)
    store = shutil.copy(f"{tmp_path / 'index'}{STORE_SUFFIX}", tmp_path / "a.db")
    client = open_client(index=tmp_path / "index", store=store)
    text = send(client, ("new.png", draw(tmp_path / "new.png", "hat", 77).read_bytes()))
    assert "Similar garments" in text
    assert '<span class="name">1.png</span>' in text
    assert 'src="/photos/small/' in text


def test_the_page_says_how_a_program_does_the_same(open_client: OpenClient) -> None:
    assert "curl -F files=@shoe.jpg http://localhost/v1/classify" in open_client().get("/").text
