"""Static files: published builds, one palette with the reports, and addresses that name the content."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from clothier.api.page.assets import ASSETS, FOLDER, asset
from clothier.report.style import DARK, LIGHT

if TYPE_CHECKING:
    from starlette.testclient import TestClient

HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def test_htmx_is_the_published_build_with_its_license() -> None:
    assert hashlib.sha256(ASSETS["htmx-2.0.11.min.js"]).hexdigest() == HTMX
    assert FOLDER.joinpath("vendor/htmx-LICENSE").read_text().startswith("Zero-Clause BSD")


def test_the_colors_are_those_of_the_reports() -> None:
    light, dark = ASSETS["app.css"].decode().split("@media screen and (prefers-color-scheme: dark)")
    for css, palette in ((light, LIGHT), (dark, DARK)):
        found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))
        assert {role: found[role] for role in palette} == palette


def test_a_browser_keeps_a_file_for_ever_and_never_has_an_old_one(client: TestClient) -> None:
    for name in ASSETS:
        answer = client.get(asset(name))
        assert (answer.status_code, answer.content) == (200, ASSETS[name])
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert client.get(asset("app.css").replace("/static/", "/static/0")).status_code == 404


def test_texts_are_compressed_for_browsers_that_take_it(client: TestClient) -> None:
    plain, packed = ({"Accept-Encoding": one} for one in ("identity", "gzip, br"))
    htmx = client.get(asset("htmx-2.0.11.min.js"), headers=packed)
    assert int(htmx.headers["Content-Length"]) < len(htmx.content) / 2
    page, small = (client.get("/", headers=one) for one in (plain, packed))
    assert ("Content-Encoding" in page.headers, small.headers["Content-Encoding"]) == (False, "gzip")
    assert int(small.headers["Content-Length"]) < int(page.headers["Content-Length"])
    assert page.text.partition("hx-headers")[0] == small.text.partition("hx-headers")[0]
    assert page.headers["Vary"] == small.headers["Vary"] == "HX-Request, Accept-Encoding"


def test_the_icon_that_browsers_ask_for_by_themselves(client: TestClient) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/x-icon")
    assert Image.open(io.BytesIO(answer.content)).info["sizes"] == {(16, 16), (32, 32), (48, 48)}


@pytest.mark.parametrize("name", ["..%2F__init__.py", "htmx-LICENSE", "%00", "nothing.css"])
def test_nothing_else_is_a_static_file(client: TestClient, name: str) -> None:
    assert client.get(asset("app.css").replace("app.css", name)).status_code == 404
