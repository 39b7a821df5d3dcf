"""``/upload``: a ZIP file of photos, its progress, its results and downloads, and what is refused."""

from __future__ import annotations

import io
import re
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from clothier.store import jobs, open_store
from tests.api.page.forms import sign_in, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient

    MakeZip = Callable[..., bytes]

JPEG_SHOWN = ("image/jpeg", (24, 24))
HTML, HTMX = {"Accept": "text/html"}, {"HX-Request": "true"}


def send(client: TestClient, content: bytes, **fields: str) -> str:
    """Uploads a file, and returns the address of its job."""
    fields = {"csrf": token(client.get("/upload").text), **fields}
    file = ("autumn.zip", content)
    answer = client.post("/upload", files={"files": file}, data=fields, follow_redirects=False, headers=HTML)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def wait(client: TestClient, path: str) -> str:
    """The page of a job that has ended."""
    deadline = time.monotonic() + 60
    while "hx-trigger" in (page := client.get(path).text):
        assert time.monotonic() < deadline, page
        time.sleep(0.05)
    return page


def require_photos(client: TestClient, paths: list[str]) -> None:
    """Checks that each shows a picture, which the browser need not ask for twice."""
    assert len(paths) == 3
    for path in paths:
        for size in ("small", "large"):
            answer = client.get(path.replace("small", size))
            assert (answer.headers["Content-Type"], Image.open(io.BytesIO(answer.content)).size) == JPEG_SHOWN
            assert "no-cache" in answer.headers["Cache-Control"]
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_without_previews_the_page_says_so(open_client: OpenClient, make_zip: MakeZip) -> None:
    client = open_client(previews=False)
    assert "The photos are not kept" in client.get("/upload").text
    wait(client, send(client, make_zip("dress")))
    (path,) = re.findall(r'src="(/photos/small/[^"]+)"', client.get("/catalogue").text)
    answer = client.get(path.replace("small", "large"))
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "no preview was kept" in " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_a_zip_file_goes_into_the_catalogue(client: TestClient, make_zip: MakeZip) -> None:
    assert "Nothing was uploaded yet" in client.get("/upload").text
    with zipfile.ZipFile(content := io.BytesIO(make_zip("dress", "hat", "skirt")), "a") as archive:
        archive.writestr("<b>.png", b"no image")
    path = send(client, content.getvalue(), key="k")
    assert send(client, content.getvalue(), key="k") == path, "a form that is sent twice is one job"
    other = send(client, make_zip("hat"), key="k")
    assert other != path, "another file, after a step back in the browser"
    client.post(f"{other}/cancel", data={"csrf": token(client.get("/upload").text)})
    page = wait(client, path)
    assert "Done: 3 of 4 photos tagged." in page
    assert "<li>&lt;b&gt;.png is " in page
    (listed,) = re.findall(r'class="button" href="(/catalogue[^"]+)"', page)
    tiles = client.get(listed).text
    assert tiles.count('<li class="tile">') == 3
    require_photos(client, re.findall(r'src="(/photos/small/[^"]+)"', tiles))
    assert f'<a href="{path}">' in client.get("/upload").text
    formats = re.findall(r'(?:/result\?format=|name="format" value=")([a-z-]+)"', page)
    assert len(formats) == 6
    for format_ in formats:
        answer = client.get(f"{path}/result", params={"format": format_, "image_url": "https://cdn.example.com"})
        assert (answer.status_code, "attachment" in answer.headers["Content-Disposition"]) == (200, True), format_
    assert client.get("/review", params={"source": f"job {path.rpartition('/')[2]}"}).status_code == 200


def test_progress_is_a_fragment_until_the_job_is_canceled(
    client: TestClient, make_zip: MakeZip, store_path: Path
) -> None:
    with open_store(store_path) as store, store.locked():  # another process tags, so the job waits
        path = send(client, make_zip("dress"))
        page = client.get(path).text
        assert "Waiting for its turn" in page
        assert 'http-equiv="refresh"' in page, "without JavaScript"
        same, news = (client.get(f"{path}?seen={one}", headers=HTMX).text for one in ("waiting", ""))
        assert ("<html" in same, "hx-swap-oob" in same, "hx-swap-oob" in news) == (False, False, True)
        assert client.get(f"{path}/result", headers=HTML).status_code == 409
        answer = client.post(f"{path}/cancel", data={"csrf": token(page)})
        assert "Canceled." in answer.text
        assert "hx-trigger" not in answer.text


def test_a_form_whose_first_upload_was_canceled_begins_a_new_job(
    client: TestClient, make_zip: MakeZip, store_path: Path
) -> None:
    with open_store(store_path) as store:
        job, _ = jobs.begin_upload(store, "local", "k")
        jobs.cancel_job(store, job)
    path = send(client, make_zip("dress"), key="k")
    assert job.job_id not in path
    assert "Done" in wait(client, path)


def test_what_is_refused_in_a_sentence(open_client: OpenClient, make_zip: MakeZip) -> None:
    client = open_client(limits={"job_bytes": 5_000})
    fields = {"csrf": token(client.get("/upload").text)}
    good = ("a.zip", make_zip("dress"))
    for files, data, status, said in (
        ([("files", ("photo.jpg", b"\xff\xd8"))], fields, 422, "photo.jpg is not a ZIP file"),
        ([("files", ("cut.zip", good[1][:-9]))], fields, 422, "not a whole one"),
        ([("files", ("", b""))], fields, 400, "has 0 files"),
        ([("files", good), ("files", good)], fields, 400, "Send one at a time"),
        ([("files", good)], {"csrf": "0" * 64}, 403, "Reload it"),
    ):
        answer = client.post("/upload", files=files, data=data, headers=HTML)
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
    large = {"files": ("a.zip", bytes(5_000 + (1 << 20)))}
    assert client.post("/upload", files=large, data=fields, headers=HTML).status_code == 413
    assert client.post("/upload", data=fields, headers=HTML).status_code == 415
    assert client.get("/upload/nothing", headers=HTML).status_code == 404
    assert "Nothing was uploaded yet" in client.get("/upload").text


@pytest.mark.parametrize("scope", ["read", "review"])
def test_who_may_upload(
    open_client: OpenClient, make_zip: MakeZip, new_key: Callable[[str], dict[str, str]], scope: str
) -> None:
    client = open_client(host="0.0.0.0")  # noqa: S104 - nothing listens
    assert client.get("/photos/small/any").status_code == 401
    sign_in(client, new_key(scope), "/upload")
    page = client.get("/upload").text
    assert ('id="drop"' in page) == (scope == "review")
    files = {"files": ("a.zip", make_zip("dress"))}
    answer = client.post("/upload", files=files, data={"csrf": token(page)}, follow_redirects=False)
    assert answer.status_code == (303 if scope == "review" else 403)
