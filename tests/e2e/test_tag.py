"""``clothier tag`` as a process: killed and resumed, twice at once, on many files, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.color_photos import COLORS, draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle
    from tests.postgresql import Server

pytestmark = pytest.mark.slow

N_PHOTOS = 700  # so that a run takes as long as several starts
KILLS = int(os.environ.get("CLOTHIER_SOAK_KILLS", "5"))  # `make soak` kills fifty times


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of three classes, one of them twice and one unreadable."""
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(N_PHOTOS - 2):
        draw(folder / f"{number % 7}/{number:04}.png", list(COLORS)[number % 3], number // 3)
    draw(folder / "copy.png", "dress", 0)
    (folder / "damaged.jpg").write_text("no photo")
    return folder


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clothier", "tag", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*words: str | Path) -> dict[str, Any]:
    """The JSON of a run that ends as it should: one photo is unreadable."""
    with start(*words, "--json") as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 3, err
    return json.loads(out)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(catalogue: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """The output of a run that nobody disturbs, and its seconds."""
    output = tmp_path_factory.mktemp("undisturbed") / "tags.jsonl"
    started = time.monotonic()
    run(catalogue, "-o", output, "--model", model)
    assert len(rows(output)) == N_PHOTOS
    return output.read_bytes(), time.monotonic() - started


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_anywhere_and_resumed(
    engine: str,
    catalogue: Path,
    model: Path,
    undisturbed: tuple[bytes, float],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    expected, seconds = undisturbed
    generator = random.Random(engine)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        output = tmp_path / f"{number}.jsonl"
        store = request.getfixturevalue("new_database")() if engine == "postgresql" else f"{output}.store"
        words = (catalogue, "-o", output, "--model", model, "--store", store)
        for _ in range(2):
            with start(*words) as process:
                time.sleep(generator.uniform(0, seconds))
                os.kill(process.pid, signal.SIGKILL)
            assert not output.exists() or output.read_bytes() == expected, "whole or not at all"
        result = run(*words)
        assert output.read_bytes() == expected, f"kill {number}"
        assert (result["n"], result["failed"]) == (N_PHOTOS, 1)
        names = {path.name for path in tmp_path.iterdir() if path.name.startswith((f"{number}.", f".{number}."))}
        assert names <= {output.name, f"{output.name}.store"}, "nothing is left over"


def test_a_server_that_restarts_during_a_run(
    catalogue: Path,
    model: Path,
    undisturbed: tuple[bytes, float],
    tmp_path: Path,
    postgresql_server: Server,
    postgresql_url: str,
) -> None:
    output = tmp_path / "tags.jsonl"
    with start(catalogue, "-o", output, "--model", model, "--store", postgresql_url) as process:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            while connection.execute("SELECT to_regclass('files')").fetchone() == (None,):
                time.sleep(0.01)
            while connection.execute("SELECT count(*) < 50 FROM files").fetchone() == (True,):
                time.sleep(0.01)
        postgresql_server.stop()
        time.sleep(2)
        postgresql_server.start()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert output.read_bytes() == undisturbed[0]


def test_two_at_once(catalogue: Path, model: Path, tmp_path: Path) -> None:
    words = (catalogue, "-o", tmp_path / "tags.jsonl", "--model", model)
    with start(*words) as first, start(*words) as second:
        codes = sorted(one.wait(timeout=300) for one in (first, second))
        told = first.stderr.read() + second.stderr.read() if first.stderr and second.stderr else ""
    assert codes == [2, 3]
    assert "another process is writing tags to" in told
    assert len(rows(tmp_path / "tags.jsonl")) == N_PHOTOS


def test_ctrl_c_says_how_to_continue(catalogue: Path, tmp_path: Path) -> None:
    words = (catalogue / "0", "-o", tmp_path / "tags.jsonl")  # with the bundled model: a second or more
    with start(*words) as process:
        while not (tmp_path / "tags.jsonl.store.lock").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].endswith("run the same command again to continue.")
    with start(*words) as process:
        assert process.wait(timeout=300) == 0
    assert len(rows(tmp_path / "tags.jsonl")) == len(list((catalogue / "0").iterdir()))


def test_an_unchanged_catalogue_costs_no_model_run(catalogue: Path, model: Path, tmp_path: Path) -> None:
    words = (catalogue, "-o", tmp_path / "tags.jsonl", "--model", model)
    first, second = run(*words), run(*words)
    assert first["computed"] in (N_PHOTOS - 2, N_PHOTOS - 1), "all but the damaged one, and maybe the copy"
    assert second["computed"] == 0
    assert second["seconds"] < first["seconds"]


def test_the_development_photos(photos: Path, tmp_path: Path) -> None:
    """With the bundled model, and the photographer as product."""
    table = tmp_path / "some.csv"
    header, *lines = (photos / "labels.csv").read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([header, *lines[:300]]))
    (tmp_path / "images").symlink_to(photos / "images")
    command = ("tag", table, "-o", tmp_path / "tags.jsonl", "--product-column", "sender_id", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "clothier", *map(str, command)], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert (result["n"], result["failed"]) == (300, 0)
    found = rows(tmp_path / "tags.jsonl")
    accepted = [one for one in found if one["decision"] == "accept"]
    assert len(accepted) > 150
    assert sum(one["class"] == one["label"] for one in accepted if one["label"] != "shoes") > 0.7 * len(accepted)
