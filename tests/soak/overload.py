"""More requests than a server can answer: each is answered or refused with 503, and memory does not grow.

    python -m tests.soak.overload --minutes 10

Three hundred connections send photos, of which a third are damaged, as fast as they are answered, and a ZIP file is
tagged meanwhile. The memory of the server is read ten times a second.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import numpy as np

from benchmarks.http_load import classify_request, send_for
from benchmarks.server_process import RunningServer, running_server
from benchmarks.timing import run_in_subprocess
from clothier import atomic, system
from tests.soak.photos import mutate, originals

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-overload.json"
CONNECTIONS = 300  # more than twice as many as requests are answered at the same time
PHOTOS = 60
JOB_PHOTOS = 40
MEMORY_SECONDS = 0.1  # between two looks
MAX_GROWTH = 1.1  # of the last third's median over that of the second third


@dataclass(frozen=True, slots=True)
class Overload:
    """What became of the requests.

    Attributes:
        statuses: of the answers; 0 where a connection broke off.
        seconds: of the load.
        job: what the API says of the job at the end.
        memory: resident bytes of the server, in the order of time.
    """

    statuses: Counter[int]
    seconds: float
    job: dict[str, Any]
    memory: Sequence[int]

    @property
    def growth(self) -> float:
        """Median memory of the last third of the time over that of the second third."""
        third = len(self.memory) // 3
        return float(np.median(self.memory[2 * third :]) / np.median(self.memory[third : 2 * third]))

    @property
    def is_good(self) -> bool:
        """Everything was answered or refused, the job was done, and memory stayed."""
        return set(self.statuses) == {200, 503} and self.job["status"] == "done" and self.growth < MAX_GROWTH


def overload(server: RunningServer, seconds: float) -> Overload:
    """Sends more than the server can answer for so many seconds, then looks whether it still answers.

    Raises:
        httpx2.HTTPError: it does not.
    """
    photos = [mutate(i)[1] if i % 3 == 0 else list(originals().values())[i % len(originals())] for i in range(PHOTOS)]
    requests = [classify_request([one]) for one in photos if one]
    memory, is_over = [server.memory], threading.Event()

    def watch() -> None:
        while not is_over.wait(MEMORY_SECONDS):
            memory.append(server.memory)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            job = _send_job(client)
            load = run_in_subprocess(send_for, server.port, requests, CONNECTIONS, seconds)
            answer = client.post("/v1/classify", files={"files": originals()["jpeg"]})
            answer.raise_for_status()
            return Overload(Counter(load.statuses), load.seconds, _wait(client, job), memory)
    finally:
        is_over.set()
        watcher.join()


def _send_job(client: httpx2.Client) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(JOB_PHOTOS):
            archive.writestr(f"{number}.jpg", list(originals().values())[number % len(originals())])
    answer = client.post("/v1/jobs", content=content.getvalue(), headers={"Content-Type": "application/zip"})
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def _wait(client: httpx2.Client, job_id: str) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if job["status"] not in ("waiting", "running"):
            return job
        time.sleep(0.2)


def main() -> None:
    """Runs, prints and saves the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with running_server(root / "log", "--store", root / "a.db") as server:
            result = overload(server, 60 * options.minutes)
    row = {
        "name": f"{CONNECTIONS} connections",
        "n": sum(result.statuses.values()),
        "seconds": result.seconds,
        "statuses": {str(status): n for status, n in sorted(result.statuses.items())},
        "median_megabytes": int(np.median(result.memory)) // 1_000_000,
        "max_megabytes": max(result.memory) // 1_000_000,
        "growth": result.growth,
        "job": result.job["status"],
    }
    content = {"benchmark": "soak-overload", "command": "make soak", "machine": system.system_info(), "rows": [row]}
    atomic.write_json(options.out, content)
    sys.stdout.write(f"{row}\n")
    sys.exit(not result.is_good)


if __name__ == "__main__":
    main()
