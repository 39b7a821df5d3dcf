"""Nothing but ``clothier data`` opens a connection or looks a name up; no library writes to the user's home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.synthetic import OUTLINES, draw_garments, write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    Process = subprocess.Popen[str]

pytestmark = pytest.mark.slow

WATCH = Path(__file__).with_name("watch_network.py")
NAMESPACE = ("unshare", "--net", "--mount", "--map-root-user")
INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")  # not CI: where that is set, ONNX Runtime sends nothing anyway
SILENCE = 14  # seconds; ONNX Runtime sends some 9 seconds after a session was made


@pytest.fixture(scope="module")
def namespace() -> None:
    """Skips where the kernel grants no network namespace, or a tool for it is missing."""
    missing = [tool for tool in ("unshare", "ip", "mount") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    tried = subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no network namespace here: {tried.stderr.strip()}")


def watch(home: Path, *command: str) -> subprocess.Popen[str]:
    """Starts a command whose attempts to reach anybody are recorded, with an empty home of its own."""
    home.mkdir(exist_ok=True, parents=True)
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
    folders = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "MPLCONFIGDIR": str(home.parent / "fonts")}
    return subprocess.Popen(
        [*NAMESPACE, sys.executable, str(WATCH), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, **folders, "OMP_NUM_THREADS": "1"},
    )


def found_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the command tried to reach, when it has ended."""
    with process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    assert found["exit_code"] == 0, found["stderr"]
    return found


def watched(home: Path, *command: str) -> dict[str, Any]:
    """What a command tried to reach."""
    return found_by(watch(home, *command))


def left_in(home: Path) -> list[str]:
    """Files in a home, but for Clothier's own cache."""
    files = (file for file in home.rglob("*") if file.is_file())
    return [str(file) for file in files if "clothier" not in file.relative_to(home).parts]


@pytest.mark.usefixtures("namespace")
def test_the_watch_sees_names_connections_and_addresses(tmp_path: Path) -> None:
    """Without this, the tests below could pass because the watch is blind."""
    code = (
        "import socket\n"
        "for address in ('shop.example', 443), ('192.0.2.9', 80), ('2001:db8::1', 80):\n"
        "    try: socket.create_connection(address, timeout=1)\n"
        "    except OSError: pass\n"
    )
    found = watched(tmp_path / "home", sys.executable, "-c", code)
    assert found["names"] == ["shop.example"]
    assert found["addresses"] == ["192.0.2.9:80", "2001:db8::1:80", "203.0.113.7:443"]


SERVE = f"""
import io, sys, time, zipfile
from pathlib import Path
import httpx2
from benchmarks.server_process import running_server

photo = Path(sys.argv[1])
folder = photo.parent
content = io.BytesIO()
with zipfile.ZipFile(content, "w") as archive:
    archive.write(photo, "a.png")
with running_server(folder / "log", "--store", folder / "a.db") as server:
    with httpx2.Client(base_url=f"http://127.0.0.1:{{server.port}}", timeout=60, trust_env=False) as client:
        client.post("/v1/classify", files={{"files": photo.read_bytes()}}).raise_for_status()
        job = client.post("/v1/jobs", content=content.getvalue(), headers={{"Content-Type": "application/zip"}}).json()
        while client.get(f"/v1/jobs/{{job['job_id']}}").json()["status"] != "done":
            time.sleep(0.1)
        for path in ("/", "/v1/items", "/openapi.json", "/metrics"):
            client.get(path, follow_redirects=True).raise_for_status()
    time.sleep({SILENCE})
"""


@pytest.fixture(scope="module")
def silent(namespace: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, Process]]]:
    """Long processes, and their homes: a session of ONNX Runtime by itself, Clothier that predicts, and a server.

    All wait for telemetry, so they run at once, while the other tests do.
    """
    folder = tmp_path_factory.mktemp("silent")
    Image.fromarray(draw_garments(1, 0).images[0]).save(folder / "shirt.png")
    graph = Path(__file__).parents[2] / "src/clothier/bundles/fashion-cnn/model.onnx"
    programs = {
        "onnxruntime": f"import time, onnxruntime; onnxruntime.InferenceSession({str(graph)!r}); time.sleep({SILENCE})",
        "clothier": "import sys, time, clothier\n"
        "for name in ('photo', 'fashion-cnn', 'fashion-dnn'): clothier.load(name).predict(sys.argv[1:])\n"
        f"time.sleep({SILENCE})\n",
        "serve": SERVE,
    }
    started = {}
    for name, code in programs.items():
        home = folder / name / "home"
        started[name] = (home, watch(home, sys.executable, "-c", code, str(folder / "shirt.png")))
    yield started
    for _, process in started.values():
        if process.stdout and not process.stdout.closed:  # its test failed before, or was not asked for
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of drawn garments, and two folders of drawn photos with a subfolder for each of two classes."""
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic_dataset(folder / "idx", train=400, test=100)
    draw_photos(folder / "photos", 400)
    draw_photos(folder / "reviewed", 1800)
    return folder


def draw_photos(folder: Path, n: int) -> None:
    part = draw_garments(n, n)
    names = list(OUTLINES)
    for number, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
        if names[label] in ("Dress", "Sneaker"):
            path = folder / names[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.stack([image] * 3, axis=-1)).resize((96, 96)).save(path)


@pytest.mark.usefixtures("silent")
def test_no_command_but_data_reaches_anybody(tmp_path: Path, drawn: Path) -> None:
    home, idx, photos = tmp_path / "home", drawn / "idx", drawn / "photos"
    run, data = tmp_path / "run", ("--data", str(idx), "--any-idx")
    photo = str(next(photos.rglob("*.png")))
    commands: list[tuple[str, ...]] = [
        ("doctor",),
        ("train", "dnn", "--preset", "sprint", *data, "--out", str(run)),
        ("evaluate", str(run), *data),
        ("compare", str(run), str(run), *data),
        ("predict", photo),
        ("predict", photo, "--model", str(run)),
        ("tag", str(photos), "-o", str(tmp_path / "tags.parquet")),
        ("tune", "dnn", "--trials", "1", "--epochs", "1", *data, "--out", str(tmp_path / "search")),
        ("study", "--preset", "sprint", *data, "--out", str(tmp_path / "study")),
        ("explore", *data, "--audit", "labels", "--map", "cnn", "--out", str(tmp_path / "explore")),
        ("train", "photo", "--preset", "fast", "--data", str(photos), "--out", str(tmp_path / "photo")),
        ("evaluate", str(tmp_path / "photo"), "--data", str(photos)),
    ]
    for command in commands:
        found = watched(home, sys.executable, "-m", "clothier", *command)
        assert (found["names"], found["addresses"]) == ([], []), command
    assert left_in(home) == []


@pytest.mark.usefixtures("namespace")
def test_calibrate_and_tag_reach_nobody(tmp_path: Path, drawn: Path) -> None:
    home, photos = tmp_path / "home", str(drawn / "reviewed")
    for command in (
        ("calibrate", "photo", "--data", photos, "--out", str(tmp_path / "own")),
        ("tag", photos, "-o", str(tmp_path / "tags.csv"), "--store", f"sqlite:///{tmp_path}/tags.db"),
        ("tag", photos, "-o", str(tmp_path / "ray.csv"), "--engine", "ray"),
    ):
        found = watched(home, sys.executable, "-m", "clothier", *command)
        assert (found["names"], found["addresses"]) == ([], []), command
    assert left_in(home) == []


def test_the_watch_sees_onnx_runtime_without_clothier(silent: dict[str, tuple[Path, Process]]) -> None:
    """The reason for the rest: a session by itself sends telemetry. If this fails, the library has changed its ways."""
    home, process = silent["onnxruntime"]
    assert found_by(process)["names"]
    assert left_in(home)


def test_a_long_process_that_predicts_reaches_nobody(silent: dict[str, tuple[Path, Process]]) -> None:
    home, process = silent["clothier"]
    found = found_by(process)
    assert (found["names"], found["addresses"]) == ([], [])
    assert left_in(home) == []


def test_a_server_reaches_nobody(silent: dict[str, tuple[Path, Process]]) -> None:
    home, process = silent["serve"]
    found = found_by(process)
    assert (found["names"], found["addresses"]) == ([], [])
    assert left_in(home) == []
