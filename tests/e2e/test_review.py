"""``clothier review`` as a process: killed while it writes reviews, and a server that restarts meanwhile."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from clothier.store import open_store
from clothier.store.schema import ACTIONS, AUDIT, ITEMS, REVIEWS
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgresql import Server

pytestmark = pytest.mark.slow

N_ITEMS = 400
N_AT_ONCE = 3_000
KILLS = int(os.environ.get("CLOTHIER_SOAK_KILLS", "5"))  # `make soak` kills fifty times


def start(store: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clothier", "review", "--store", store, "--reviewer", "anna", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def give(process: subprocess.Popen[str], lines: str) -> None:
    assert process.stdin is not None
    process.stdin.write(lines)
    process.stdin.close()
    process.stdin = None


def counts(store: str) -> dict[str, int]:
    """Rows that must agree: each reviewed item has one action, one review and one entry of the history."""
    reviewed = select(func.count()).select_from(ITEMS).where(ITEMS.c.review_id.is_not(None))
    tables = {one.name: select(func.count()).select_from(one) for one in (ACTIONS, REVIEWS, AUDIT)}
    distinct = select(func.count(REVIEWS.c.item_id.distinct()))
    queries = {"items": reviewed, "reviewed once": distinct, **tables}
    with open_store(store) as opened:
        return opened.read(lambda connection: {name: connection.scalar(one) for name, one in queries.items()})


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "tags.db") if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


def fill(store: str, n: int) -> None:
    with open_store(store) as opened:
        fill_store(opened, *(item_row(f"i{number:05}", decision="review", probability=0.5) for number in range(n)))


def test_killed_while_reviews_are_written(store: str) -> None:
    fill(store, N_ITEMS)
    generator = random.Random(0)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        before = counts(store)["items"]
        with start(store) as process:
            shown = ""
            assert process.stderr is not None
            give(process, "a\n" * (N_ITEMS // KILLS))
            while "a accept" not in shown:
                shown += process.stderr.readline()
            time.sleep(generator.uniform(0, 0.5))
            process.kill()
            shown += process.stderr.read()
        found = counts(store)
        assert len(set(found.values())) == 1, f"kill {number}: {found}"
        n_shown = shown.count("review: Accepted.")
        assert before + n_shown - 1 <= found["items"] <= before + n_shown, "what was answered is there, once"
    with start(store, "--json") as process:
        out, err = process.communicate("a\n" * N_ITEMS, timeout=300)
    assert process.returncode == 0, err
    assert set(counts(store).values()) == {N_ITEMS}
    assert json.loads(out)["counts"]["accepted"] <= N_ITEMS


def test_killed_while_thousands_are_accepted(store: str) -> None:
    fill(store, N_AT_ONCE)
    started = time.monotonic()
    with start(store, "--accept-all", "--decision", "review") as process:
        assert process.wait(timeout=300) == 0
    seconds, generator = time.monotonic() - started, random.Random(1)  # noqa: S311 - moments, not secrets
    assert counts(store)["items"] == N_AT_ONCE
    for _ in range(KILLS):
        with start(store, "--undo") as process:
            process.wait(timeout=300)
        with start(store, "--accept-all", "--decision", "review") as process:
            time.sleep(generator.uniform(0.5 * seconds, seconds))
            process.kill()
        assert counts(store)["items"] in (0, N_AT_ONCE), "all or none"


def test_a_server_that_restarts_during_a_review(postgresql_server: Server, postgresql_url: str) -> None:
    fill(postgresql_url, N_ITEMS)
    with start(postgresql_url, "--json") as process:
        assert process.stderr is not None
        give(process, "a\n" * N_ITEMS)
        while "review: Accepted." not in process.stderr.readline():
            pass
        postgresql_server.stop()
        time.sleep(2)
        postgresql_server.start()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["counts"] == {"accepted": N_ITEMS}
    assert set(counts(postgresql_url).values()) == {N_ITEMS}


def test_a_locked_store(tmp_path: Path) -> None:
    fill(str(tmp_path / "tags.db"), 3)
    with sqlite3.connect(tmp_path / "tags.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with start(str(tmp_path / "tags.db")) as process:
            _, err = process.communicate("a\n", timeout=120)
        other.execute("ROLLBACK")
    other.close()
    assert process.returncode == 1
    assert "is locked by another process. Wait for it to end, then try again." in err
    assert counts(str(tmp_path / "tags.db"))["items"] == 0
