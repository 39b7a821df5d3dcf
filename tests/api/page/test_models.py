"""``/models``: cards, reports, promotion and the way back."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from clothier.api.page.reports import SANDBOX
from clothier.catalogue.versions import register
from clothier.inference import load
from clothier.store import open_store
from tests.api.page.forms import sign_in, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import OpenClient

HTML = {"Accept": "text/html"}


def test_promote_and_roll_back(open_client: OpenClient) -> None:
    client = open_client(model=None)
    page = client.get("/models").text
    assert [name in page for name in ("photo", "fashion-cnn", "fashion-dnn", "Roll back")] == [True, True, True, False]
    fields = {"csrf": token(page), "key": "fashion-cnn"}
    page = client.post("/models/promote", data=fields).text
    assert "Roll back fashion-cnn" in page
    assert client.get("/v1/models").json()["serving"]["name"] == "fashion-cnn"
    version = client.get("/v1/models").json()["versions"][0]["version"]
    card = client.get(f"/models/{version}").text
    assert "In use" in card
    assert f"curl -X POST http://localhost/v1/models/{version}/promote" in card
    again = client.post("/models/promote", data=fields | {"key": version}, headers=HTML)
    assert (again.status_code, "is the current model already" in again.text) == (422, True)
    client.post("/models/rollback", data=fields)
    assert client.get("/v1/models").json()["serving"]["name"] == "photo"
    assert client.post("/models/promote", data={"key": version}, headers=HTML).status_code == 403, "no token"
    assert client.post("/models/promote", data=fields | {"key": "../x"}, headers=HTML).status_code == 404


def test_only_administrators_promote(open_client: OpenClient, new_key: Callable[[str], dict[str, str]]) -> None:
    remote = open_client(host="0.0.0.0")  # noqa: S104 - nothing listens
    sign_in(remote, new_key("review"))
    page = remote.get("/models").text
    assert "Promote" not in page
    assert "started with <code>--model</code>" in page
    fields = {"csrf": token(page), "key": "fashion-cnn"}
    assert remote.post("/models/promote", data=fields, headers=HTML).status_code == 403


def test_the_card_of_a_bundled_model(open_client: OpenClient) -> None:
    page = open_client().get("/models/photo").text
    for part in ("3,387,661", "224 pixels, color", "at most 5", "CC0 1.0", "<code>clothier calibrate</code>"):
        assert part in page
    assert open_client().get("/models/nothing", headers=HTML).status_code == 404


def test_the_report_of_a_run_is_in_a_sandbox(
    open_client: OpenClient, model_path: Path, store_path: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "mine"
    shutil.copytree(model_path, run / "bundle")
    (run / "report.html").write_text("<!doctype html><script>1</script>")
    with open_store(store_path) as store:
        version = register(store, str(run), load(run))
    client = open_client()
    assert f"/models/{version}/report.html" in client.get("/models").text
    answer = client.get(f"/models/{version}/report.html")
    assert answer.text == "<!doctype html><script>1</script>"
    assert answer.headers["Content-Security-Policy"] == SANDBOX
    assert "allow-same-origin" not in SANDBOX
    assert client.get("/models/photo/report.html").status_code == 404
