"""/v1/jobs: upload, progress, result, idempotency keys, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pyarrow.parquet as pq
import pytest

from clothier.api import job_worker
from clothier.api.downloads import download
from clothier.errors import StorageError
from clothier.store import jobs, open_store
from clothier.store.schema import JOB_PARTS
from clothier.workflows import tag_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient

ZIP = {"Content-Type": "application/zip"}


def wait(client: TestClient, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (job := client.get(f"/v1/jobs/{job_id}").json())["status"] not in jobs.ENDED:
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def test_a_job(client: TestClient, make_zip: Callable[..., bytes], store_path: Path) -> None:
    answer = client.post("/v1/jobs", content=make_zip("dress", "hat", "dress"), headers=ZIP)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['job_id']}"
    job = wait(client, answer.json()["job_id"])
    assert (job["status"], job["done"], job["total"], job["error"]) == ("done", 3, 3, None)
    assert job["result"] == {
        "n": 3, "tagged": 3, "failed": 0, "decisions": {"accept": 3}, "errors": {}, "catalogue": None, "warnings": [],
        "model": "colors", "thresholds": answer.headers["Clothier-Thresholds"],
    }  # fmt: skip
    assert len(client.get("/v1/items").json()["items"]) == 3
    with open_store(store_path) as store:
        assert store.rows_of(JOB_PARTS.select()) == [], "the upload is not kept"


def test_results_in_every_format(client: TestClient, make_zip: Callable[..., bytes]) -> None:
    job_id = client.post("/v1/jobs", content=make_zip("dress", "hat"), headers=ZIP).json()["job_id"]
    wait(client, job_id)
    answers = {one: client.get(f"/v1/jobs/{job_id}/result?format={one}") for one in ("csv", "jsonl", "parquet")}
    rows = {
        "csv": list(csv.DictReader(io.StringIO(answers["csv"].text))),
        "jsonl": [json.loads(line) for line in answers["jsonl"].text.splitlines()],
        "parquet": pq.read_table(io.BytesIO(answers["parquet"].content)).to_pylist(),
    }
    for name, found in rows.items():
        assert [(one["file"], one["class"]) for one in found] == [("0.png", "dress"), ("1.png", "hat")]
        assert answers[name].headers["Content-Disposition"] == f'attachment; filename="tags.{name}"'


def test_results_for_other_programs(client: TestClient, make_zip: Callable[..., bytes], store_path: Path) -> None:
    content = make_zip("dress", "hat", "skirt").replace(b"\x89PNG", b"\x89PNX", 1)
    job_id = wait(client, client.post("/v1/jobs", content=content, headers=ZIP).json()["job_id"])["job_id"]
    client.post("/v1/jobs", content=make_zip("skirt"), headers=ZIP)  # is not in the results of the first
    url = "https://cdn.example.com/photos"
    get = partial(client.get, f"/v1/jobs/{job_id}/result")
    shopify = get(params={"format": "shopify", "image_url": url})
    rows = list(csv.DictReader(io.StringIO(shopify.text)))
    assert [one["Product image URL"] for one in rows] == [f"{url}/1.png", f"{url}/2.png"]
    assert shopify.headers["Clothier-Left-Out"] == "failed=1"
    assert shopify.headers["Content-Disposition"] == 'attachment; filename="products.csv"'
    google = get(params={"format": "google", "image_url": url})
    assert google.text.startswith("id\t")
    assert len(google.text.splitlines()) == 3
    archive = zipfile.ZipFile(io.BytesIO(get(params={"format": "label-studio"}).content))
    assert archive.namelist() == ["tasks.json", "labeling_config.xml"]
    assert [one["data"]["file"] for one in json.loads(archive.read("tasks.json"))] == ["1.png", "2.png"]
    assert get(params={"format": "shopify", "image_url": "javascript:alert(1)"}).status_code == 422
    assert get(params={"format": "pdf"}).status_code == 422


def test_a_list_in_the_zip_file_gives_ids_and_products(client: TestClient, make_zip: Callable[..., bytes]) -> None:
    upload = io.BytesIO(make_zip("dress", "dress", "hat"))
    with zipfile.ZipFile(upload, "a") as archive:
        rows = ["file,item_id,product,price,color", "0.png,sku-1,S-1,9,rot", "1.png,sku-2,S-1,9,", "x.png,sku-3,,,"]
        archive.writestr("items.csv", "\n".join(rows))
    answer = client.post("/v1/jobs", content=upload.getvalue(), headers=ZIP)
    job = wait(client, answer.json()["job_id"])
    assert (job["status"], job["total"], job["result"]["errors"]) == ("done", 3, {"not-found": 1})
    assert "does not name 1 of the photos" in job["result"]["warnings"][0]
    found = client.get("/v1/items?product=S-1").json()["items"]
    assert [one["item_id"] for one in found] == ["sku-1", "sku-2"]
    path = f"/v1/jobs/{job['job_id']}/result"
    table = list(csv.DictReader(io.StringIO(client.get(path).text)))
    assert [(one["item_id"], one["price"], one["input.color"], one["product_class"]) for one in table] == [
        ("sku-1", "9", "rot", "dress"),
        ("sku-2", "9", "", "dress"),
        ("sku-3", "", "", ""),
    ]
    shop = list(csv.DictReader(io.StringIO(client.get(f"{path}?format=shopify").text)))
    assert [(one["Title"], one["URL handle"], one["Price"]) for one in shop[:1]] == [("S-1", "s-1", "9")]


def test_a_result_leaves_nothing_whatever_is_asked_for(
    client: TestClient, make_zip: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = client.post("/v1/jobs", content=make_zip("dress"), headers=ZIP).json()["job_id"]
    wait(client, job_id)
    (tmp_path / "downloads").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "downloads"))
    for path in (f"/v1/jobs/{job_id}/result", "/catalogue/export", "/duplicates/export"):
        for asked in ("bytes=5-1", "bytes=999999999-", "bytes=0-3", "nonsense"):
            answer = client.get(path, headers={"Range": asked})
            assert (answer.status_code, answer.text.count("\n") > 0) == (200, True), "made anew, so it has no parts"
    assert list((tmp_path / "downloads").iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert client.get(f"/v1/jobs/{job_id}/result").status_code == 503


def test_a_download_that_nobody_waits_for_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        await anyio.sleep_forever()

    def is_open() -> bool:
        return any("tags.csv" in str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())

    response = download("tags.csv", "text/csv", lambda path: path.write_bytes(b"x" * 9))
    assert is_open()
    anyio.run(response, {"type": "http", "asgi": {"spec_version": "2.3"}}, gone, send)  # uvicorn's version
    assert not is_open()


def test_photos_that_fail_are_counted(client: TestClient, make_zip: Callable[..., bytes]) -> None:
    content = make_zip("dress").replace(b"\x89PNG", b"\x89PNX")
    job = wait(client, client.post("/v1/jobs", content=content, headers=ZIP).json()["job_id"])
    assert (job["status"], job["result"]["failed"], job["result"]["errors"]) == ("done", 1, {"truncated": 1})


@pytest.mark.parametrize("content", [b"no zip", b"PK\x03\x04" + 100 * b"\0", b"\0"])
def test_what_is_no_zip_fails(client: TestClient, content: bytes) -> None:
    job = wait(client, client.post("/v1/jobs", content=content, headers=ZIP).json()["job_id"])
    assert job["status"] == "failed"
    assert job["error"].startswith("the upload is a damaged ZIP file: ")
    assert client.get(f"/v1/jobs/{job['job_id']}/result").status_code == 409


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({}, b"x", 415),
        (ZIP, b"", 400),
        ({**ZIP, "Idempotency-Key": '""'}, b"x", 422),
        ({**ZIP, "Idempotency-Key": "k" * 256}, b"x", 422),
    ],
)
def test_bad_uploads(client: TestClient, headers: dict[str, str], content: bytes, status: int) -> None:
    assert client.post("/v1/jobs", content=content, headers=headers).status_code == status
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_too_large_an_upload_leaves_nothing(open_client: OpenClient, store_path: Path) -> None:
    client = open_client(limits={"job_bytes": 3 << 20})

    def stream():
        for _ in range(4):
            yield (1 << 20) * b"x"

    assert client.post("/v1/jobs", content=stream(), headers=ZIP).status_code == 413
    with open_store(store_path) as store:
        assert store.rows_of(JOB_PARTS.select()) == []


def test_a_job_that_is_canceled_while_it_arrives(client: TestClient, store_path: Path) -> None:
    def stream():
        with open_store(store_path) as store:
            jobs.cancel_job(store, jobs.list_jobs(store, None, 1)[0])
        yield b"x"

    headers = {**ZIP, "Idempotency-Key": "k"}
    for content in (stream(), b"x"):
        answer = client.post("/v1/jobs", content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:canceled")
    with open_store(store_path) as store:
        assert store.rows_of(JOB_PARTS.select()) == []
        assert jobs.list_jobs(store, None, 1)[0].status == "canceled"


def test_the_same_key_is_the_same_job(client: TestClient, make_zip: Callable[..., bytes]) -> None:
    content, headers = make_zip("dress"), {**ZIP, "Idempotency-Key": '"8e03978e-40d5"'}
    first = client.post("/v1/jobs", content=content, headers=headers).json()
    again = client.post("/v1/jobs", content=content, headers={**ZIP, "Idempotency-Key": "8e03978e-40d5"})
    assert (again.status_code, again.json()["job_id"]) == (202, first["job_id"])
    other = client.post("/v1/jobs", content=make_zip("hat"), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:clothier:problem:key-reused")
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_the_same_key_while_the_first_is_received(client: TestClient, store_path: Path) -> None:
    with open_store(store_path) as store:
        job, _ = jobs.begin_upload(store, "local", "k")
    answer = client.post("/v1/jobs", content=b"x", headers={**ZIP, "Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:clothier:problem:in-progress")
    with open_store(store_path) as store:
        assert jobs.add_part(store, job, 0, b"x")
        jobs.discard_upload(store, job)  # as if nothing had arrived for hours
        assert not jobs.add_part(store, job, 1, b"x")
        job, _ = jobs.begin_upload(store, "local", "k")
        jobs.add_part(store, job, 0, b"x")
        jobs.cancel_job(store, job)
        assert not jobs.add_part(store, job, 1, b"x"), "it would stay for ever"
        jobs.discard_upload(store, job)
        assert (jobs.find_job(store, job.job_id).status, store.rows_of(JOB_PARTS.select())) == ("canceled", [])


def test_pages_of_jobs(client: TestClient, make_zip: Callable[..., bytes]) -> None:
    ids = [client.post("/v1/jobs", content=make_zip("dress"), headers=ZIP).json()["job_id"] for _ in range(3)]
    page = client.get("/v1/jobs?limit=2").json()
    assert [one["job_id"] for one in page["jobs"]] == [ids[2], ids[1]]
    rest = client.get(f"/v1/jobs?after={page['next']}").json()
    assert ([one["job_id"] for one in rest["jobs"]], rest["next"]) == ([ids[0]], None)


def test_a_waiting_job_is_canceled(client: TestClient, make_zip: Callable[..., bytes], store_path: Path) -> None:
    with open_store(store_path) as store, store.locked():  # so that the server cannot begin
        job_id = client.post("/v1/jobs", content=make_zip("dress"), headers=ZIP).json()["job_id"]
        assert client.get(f"/v1/jobs/{job_id}/result").status_code == 409
        assert client.delete(f"/v1/jobs/{job_id}").json()["status"] == "canceled"
    assert client.delete(f"/v1/jobs/{job_id}").json()["status"] == "canceled"


def test_a_job_that_a_killed_server_left(
    open_client: OpenClient, make_zip: Callable[..., bytes], store_path: Path
) -> None:
    with open_store(store_path) as store:
        job, _ = jobs.begin_upload(store, "local", None)
        jobs.add_part(store, job, 0, make_zip("dress", "hat"))
        job = jobs.complete_upload(store, job, "f")
        jobs.start_job(store, job, store.begin_run("job", "d", "m"))
    assert wait(open_client(), job.job_id)["status"] == "done"


def test_a_job_during_which_servers_end(client: TestClient, make_zip: Callable[..., bytes], store_path: Path) -> None:
    served = client.app.state.services.served
    run = partial(tag_job.run_next_job, model=served.name, rules=served.rules)
    with open_store(store_path) as store, store.locked():
        job, _ = jobs.begin_upload(store, "local", None)
        jobs.add_part(store, job, 0, make_zip("dress", "hat"))
        jobs.complete_upload(store, job, "f")
        for _ in range(jobs.MAX_ATTEMPTS + 1):
            stops = iter((False, *(True,) * 9))  # asked before the job begins, then after the first chunk
            assert not run(store, should_stop=partial(next, stops))
        assert run(store, should_stop=lambda: False)
        assert jobs.find_job(store, job.job_id).status == "done"


def test_a_job_that_ends_the_server_each_time(
    open_client: OpenClient, make_zip: Callable[..., bytes], store_path: Path
) -> None:
    with open_store(store_path) as store:
        job, _ = jobs.begin_upload(store, "local", None)
        jobs.add_part(store, job, 0, make_zip("dress"))
        job = jobs.complete_upload(store, job, "f")
        for _ in range(3):
            job = jobs.start_job(store, job, store.begin_run("job", "d", "m"))
    failed = wait(open_client(), job.job_id)
    assert (failed["status"], failed["error"]) == (
        "failed",
        "it was started 3 times and did not end; the last time, the server ended.",
    )


def test_a_job_whose_store_fails_each_time(
    open_client: OpenClient, make_zip: Callable[..., bytes], store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageError(f"the store {store_path} cannot be used: database or disk is full.")

    monkeypatch.setattr(tag_job, "tag_source", full)
    monkeypatch.setattr(job_worker, "POLL_SECONDS", 0.01)
    with open_store(store_path) as store:
        job, _ = jobs.begin_upload(store, "local", None)
        jobs.add_part(store, job, 0, make_zip("dress"))
        jobs.complete_upload(store, job, "f")
    failed = wait(open_client(), job.job_id)
    assert failed["status"] == "failed"
    assert failed["error"].endswith("the last time, the store could not be used (the server's log has the cause).")


@pytest.mark.parametrize("path", ["none", "%00", "..%2f..", "x" * 900])
@pytest.mark.parametrize("rest", ["", "/result"])
def test_no_such_job(client: TestClient, path: str, rest: str) -> None:
    assert client.get(f"/v1/jobs/{path}{rest}").status_code in (404, 422)


@pytest.mark.parametrize("after", ["!", "AA", "x" * 1001, "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OQ"])
def test_bad_pages(client: TestClient, after: str) -> None:
    assert client.get(f"/v1/jobs?after={after}").status_code == 422
