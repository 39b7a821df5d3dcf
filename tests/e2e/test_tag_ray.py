"""``clothier tag --engine ray`` on a real Ray cluster of one machine, and on one that it starts itself."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.color_photos import COLORS, draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clothier.bundle import Bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_PHOTOS = 700
KILLS = int(os.environ.get("CLOTHIER_SOAK_KILLS", "3")) // 10 or 2  # each start takes seconds
WORKER = "ray::MapWorker"  # begins the title of a worker's process
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
ENVIRONMENT = {**os.environ, **TOKEN, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # which keeps it on the loopback


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of three classes, one of them twice and some that fail."""
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(N_PHOTOS - 4):
        draw(folder / f"{number % 7}/{number:04}.png", list(COLORS)[number % 3], number // 3)
    draw(folder / "copy.png", "dress", 0)
    (folder / "damaged.jpg").write_text("no photo")
    (folder / "empty.jpg").touch()
    (folder / "nothing.jpg").symlink_to(folder / "absent")
    return folder


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of this machine; it ends with the process that started it."""
    address = f"127.0.0.1:{free_port()}"
    words = f"--head --node-ip-address 127.0.0.1 --port {address.rpartition(':')[2]} --num-cpus 2 --block"
    options = f"{words} --include-dashboard false --object-store-memory 200000000 --disable-usage-stats"
    command = [str(Path(sys.executable).with_name("ray")), "start", *options.split()]
    with (tmp_path_factory.mktemp("ray") / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True)
        yield address
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def start(*words: str | Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clothier", "tag", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, **options
    )


def run(*words: str | Path, code: int = 3) -> dict[str, Any]:
    """The JSON of a run that ends with this code."""
    with start(*words, "--json") as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "ray" not in err.lower().replace("gray", ""), "Ray is silent"
    result: dict[str, Any] = json.loads(out)
    return result


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


def workers(name: str = WORKER) -> list[int]:
    """The processes of workers, or of another kind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                title = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:  # it ended
                continue
            found += [int(entry.name)] * title.startswith(name)
    return found


def stored(output: Path, more_than: int = 0) -> bool:
    """Whether the store beside an output has more than so many files, while a run writes to it."""
    try:
        with closing(sqlite3.connect(f"file:{output}.store?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT count(*) > ? FROM files", [more_than]).fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return False


@pytest.fixture(scope="module")
def local(catalogue: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The output of the local engine."""
    output = tmp_path_factory.mktemp("local") / "tags.jsonl"
    run(catalogue, "-o", output, "--model", model)
    return output.read_bytes()


def test_a_cluster_gives_the_same_rows_and_the_second_run_does_without(
    catalogue: Path, model: Path, local: bytes, cluster: str, tmp_path: Path
) -> None:
    words = (catalogue, "-o", tmp_path / "tags.jsonl", "--model", model, "--engine", "ray", "--address")
    first = run(*words, cluster)
    assert (tmp_path / "tags.jsonl").read_bytes() == local
    assert (first["n"], first["errors"]) == (N_PHOTOS, {"empty": 1, "not-an-image": 1, "not-found": 1})
    (catalogue / "damaged.jpg").rename(tmp_path / "damaged.jpg")
    for name in ("empty.jpg", "nothing.jpg"):
        (catalogue / name).rename(tmp_path / name)
    try:
        second = run(*words, "127.0.0.1:9", code=0)  # no cluster: nothing is to be read
    finally:
        for name in ("damaged.jpg", "empty.jpg", "nothing.jpg"):
            (tmp_path / name).rename(catalogue / name)
    assert (second["n"], second["computed"]) == (N_PHOTOS - 3, 0)


def test_the_content_of_archives_is_sent(
    catalogue: Path, model: Path, local: bytes, cluster: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for file in sorted(catalogue.rglob("*.png")):
            archive.write(file, file.relative_to(catalogue))
        archive.writestr("../out.png", b"x")
    words = ("-o", tmp_path / "tags.jsonl", "--model", model, "--engine", "ray", "--address", cluster)
    result = run(tmp_path / "photos.zip", *words)
    assert result["errors"] == {"unsafe-path": 1}
    lines = sorted(line for line in local.splitlines() if b'"error_code": null' in line)
    found = (tmp_path / "tags.jsonl").read_bytes().splitlines()
    assert sorted(line for line in found if b'"error_code": null' in line) == lines


def test_killed_anywhere_and_resumed(catalogue: Path, model: Path, local: bytes, cluster: str, tmp_path: Path) -> None:
    generator = random.Random(0)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        output = tmp_path / f"{number}.jsonl"
        words = (catalogue, "-o", output, "--model", model, "--engine", "ray", "--address", cluster)
        with start(*words) as process:
            moment = generator.randrange(N_PHOTOS // 2)
            wait_for(partial(stored, output, moment), process)
            os.kill(process.pid, signal.SIGKILL)
        assert not output.exists()
        assert run(*words)["computed"] < N_PHOTOS - moment
        assert output.read_bytes() == local


def test_a_worker_that_dies_is_replaced(
    catalogue: Path, model: Path, local: bytes, cluster: str, tmp_path: Path
) -> None:
    output = tmp_path / "tags.jsonl"
    with start(catalogue, "-o", output, "--model", model, "--engine", "ray", "--address", cluster) as process:
        for pid in wait_for(workers, process):
            os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 3, err
    assert output.read_bytes() == local


def test_ctrl_c_ends_a_cluster_of_ones_own(catalogue: Path, tmp_path: Path) -> None:
    output = tmp_path / "tags.jsonl"
    words = (catalogue, "-o", output, "--engine", "ray")  # with the bundled model, which takes seconds
    with start(*words, start_new_session=True) as process:
        wait_for(lambda: stored(output), process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].endswith("run the same command again to continue.")
    assert not output.exists()
    assert run(*words)["n"] == N_PHOTOS
    deadline = time.monotonic() + 30
    while workers():
        assert time.monotonic() < deadline, "no worker is left"
        time.sleep(0.1)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:99999", "nothing"])
def test_a_cluster_that_is_not_there(address: str, catalogue: Path, model: Path, tmp_path: Path) -> None:
    words = (catalogue, "-o", tmp_path / "tags.jsonl", "--model", model, "--engine", "ray")
    with start(*words, "--address", address) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    (line,) = err.splitlines()
    assert f"the Ray cluster {address!r} cannot be used: " in line


def test_a_worker_without_the_photos(catalogue: Path, model: Path, cluster: str, tmp_path: Path) -> None:
    """Started in a folder that workers cannot see: here, one that was removed."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    code = (
        "import os, sys, shutil; from clothier.workflows import tag; os.chdir(sys.argv[1])\n"
        "plan = tag.WorkerPlan\n"
        "tag.WorkerPlan = lambda model, digest, folder, source: plan(model, digest, folder, folder / 'absent')\n"
        "tag.tag(sys.argv[2], 'tags.csv', model=sys.argv[3], engine='ray', address=sys.argv[4])\n"
    )
    words = [sys.executable, "-c", code, str(hidden), str(catalogue), str(model), cluster]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert "need the photos under the same path" in done.stderr.splitlines()[-1]
