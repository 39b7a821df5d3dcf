"""The benchmarks of many photos and of a large store, on little ones."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import scale, store
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_drawn_photos_have_different_contents(tmp_path: Path) -> None:
    scale.draw_many(tmp_path, 100)
    digests = {hashlib.sha256(one.read_bytes()).hexdigest() for one in tmp_path.rglob("*.jpg")}
    assert len(digests) == 100


def test_engines_and_memory() -> None:
    result = scale.benchmark_scale(40, (10, 20), 1, progress=no_progress)
    content = json.loads(json.dumps(result.to_json()))
    assert [one["unit"] for one in content["rows"]] == ["photos/s", "photos/s", "MiB", "MiB"]
    assert content["ratios"]["memory/size"] == pytest.approx(1, abs=0.2)
    assert content["ratios"]["tagging/ray"] > 0


@pytest.mark.usefixtures("postgresql_server")  # skips without PostgreSQL
def test_a_store_of_few_items() -> None:
    content = store.benchmark_store(3_000, progress=no_progress).to_json()
    names = {one["name"].partition(", ")[2] for one in content["rows"]}
    assert len(content["rows"]) == 2 * len(names)
    assert {"filling", "accepting 300 items", "a run without changes", "size"} < names
    assert content["command"] == "python -m benchmarks.store --items 3000"
