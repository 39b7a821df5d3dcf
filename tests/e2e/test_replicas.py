"""Two servers as processes on one PostgreSQL share jobs, promotions and reviews; after a kill, a job continues."""

from __future__ import annotations

import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image
from sqlalchemy import select

from benchmarks.server_process import running_server
from clothier.catalogue.versions import promote, register
from clothier.inference import load
from clothier.store import open_store
from clothier.store.schema import ITEMS, JOBS, PREVIEWS
from tests.color_photos import COLORS, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.server_process import RunningServer
    from clothier.bundle import Bundle

pytestmark = pytest.mark.slow

SECONDS = 120.0  # in which something must have happened
N_JOBS, PHOTOS = 6, 20
LONG_JOB = 2_000  # photos: enough to be killed in between


def zip_of(first: int, n: int) -> bytes:
    """Photos that differ from each other and from those with other numbers."""
    content, colors = io.BytesIO(), list(COLORS.values())
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(first, first + n):
            image, photo = io.BytesIO(), Image.new("RGB", (24, 24), colors[number % len(colors)])
            photo.putpixel((0, 0), (number >> 8, number & 255, 0))
            photo.save(image, "PNG")
            archive.writestr(f"{number}.png", image.getvalue())
    return content.getvalue()


def client_of(server: RunningServer) -> httpx2.Client:
    return httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60)


def post_job(client: httpx2.Client, first: int, n: int) -> str:
    answer = client.post("/v1/jobs", content=zip_of(first, n), headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


def wait(ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not wanted(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_two_servers_on_one_store(
    tmp_path: Path, new_database: Callable[[], str], color_bundle: Callable[..., Bundle]
) -> None:
    url = new_database()
    with open_store(url) as store:
        first, second = (
            register(store, str(path), load(path))
            for path in (save_model(tmp_path / name, color_bundle, share) for name, share in (("a", 0.5), ("b", 0.9)))
        )
        promote(store, first, "test")
    with ExitStack() as stack:
        servers = [stack.enter_context(running_server(tmp_path / f"{n}.log", "--store", url)) for n in range(2)]
        clients = [stack.enter_context(client_of(one)) for one in servers]
        _jobs_are_done_once(clients)
        _a_promotion_is_seen_by_both(clients, second)
        _reviews_do_not_collide(clients)
        job = post_job(clients[0], 10_000, LONG_JOB)
        wait(lambda: clients[1].get(f"/v1/jobs/{job}").json(), lambda found: 0 < found["done"] < LONG_JOB)
        for one in servers:
            one.process.kill()
            one.process.wait(SECONDS)
    with open_store(url) as store:
        (left,) = store.rows_of(select(JOBS.c.status, JOBS.c.done).where(JOBS.c.job_id == job))
        assert left["status"] == "running"
    with running_server(tmp_path / "again.log", "--store", url) as server, client_of(server) as client:
        done = wait(lambda: client.get(f"/v1/jobs/{job}").json(), lambda found: found["status"] == "done")
        assert (done["result"]["n"], done["result"]["tagged"]) == (LONG_JOB, LONG_JOB)
    with open_store(url) as store:
        assert store.rows_of(select(JOBS.c.attempts).where(JOBS.c.job_id == job)) == [{"attempts": 2}]
        others = store.rows_of(select(JOBS.c.attempts).where(JOBS.c.job_id != job))
        numbers = [len(store.rows_of(select(table.c.digest))) for table in (ITEMS, PREVIEWS)]
    assert numbers == 2 * [N_JOBS * PHOTOS + LONG_JOB], "each photo has a tag and a preview"
    assert [one["attempts"] for one in others] == [1] * N_JOBS


def _jobs_are_done_once(clients: list[httpx2.Client]) -> None:
    """Each is accepted by one server and asked for at the other."""
    ids = [post_job(clients[number % 2], PHOTOS * number, PHOTOS) for number in range(N_JOBS)]
    for number, job in enumerate(ids):
        other = clients[1 - number % 2]
        done = wait(lambda: other.get(f"/v1/jobs/{job}").json(), lambda found: found["status"] == "done")  # noqa: B023
        assert done["result"]["tagged"] == PHOTOS
    assert len(clients[0].get("/v1/items?limit=500").json()["items"]) == N_JOBS * PHOTOS


def _a_promotion_is_seen_by_both(clients: list[httpx2.Client], version: str) -> None:
    clients[0].post(f"/v1/models/{version}/promote").raise_for_status()
    for one in clients:
        wait(lambda: one.get("/healthz").headers["Clothier-Model"], lambda name: name.startswith("b;"))  # noqa: B023


def _reviews_do_not_collide(clients: list[httpx2.Client]) -> None:
    """Two people correct the same items at the same moment: each item is changed by one of them."""
    queue = clients[0].get("/v1/reviews/queue?share_accepted=1&limit=8").json()["items"]
    assert len(queue) == 8
    for item in queue:
        judged = {"item_id": item["item_id"], "revision": item["revision"], "class": "hat"}

        def correct(number: int) -> int:
            body = {"action": "correct", "reviewer": f"person {number}", "items": [judged]}  # noqa: B023
            return clients[number].post("/v1/reviews", json=body).status_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(correct, range(2))) == [200, 409]
        history = clients[1].get(f"/v1/items/{item['item_id']}").json()["history"]
        assert sum(one["actor"].startswith("person") for one in history) == 1
