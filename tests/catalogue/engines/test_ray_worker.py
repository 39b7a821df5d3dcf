from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import RayActorError, RayTaskError

from clothier.catalogue.engines import Reading, WorkerPlan, ray_pipeline
from clothier.catalogue.engines.ray_cluster import explained
from clothier.catalogue.engines.ray_worker import ChunkFeed, PhotoWorker, pack, sorted_digests, unpack
from clothier.errors import ClusterError, ModelError
from clothier.types import FailedInput

PLAN = WorkerPlan("photo", "0" * 64, Path(), Path())


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_readings_travel_unchanged() -> None:
    output = {
        "digest": digest(0),
        "logits": b"\0\1\xff",
        "temperature": 0.1,
        "ood_score": 1 / 3,
        "notes": None,
        "colors": [{"name": "red", "share": 0.7}],
    }
    failure = FailedInput("b\\xff.jpg", "empty", "b is empty.")
    readings = [Reading(digest(0), None, output), Reading(None, failure), Reading(digest(1))]
    assert unpack(pack(readings)) == readings
    assert unpack(pack([])) == []


def test_known_digests() -> None:
    worker = PhotoWorker(PLAN, None, None)
    worker.__dict__["_known_digests"] = sorted_digests(digest(one) for one in range(100))
    assert [worker._is_known(digest(one)) for one in (0, 99, 100, 101)] == [True, True, False, False]
    worker.__dict__["_known_digests"] = sorted_digests([])
    assert not worker._is_known(digest(0))


def test_another_model_on_the_worker() -> None:
    with pytest.raises(ClusterError, match=r"the model photo on .* differs"):
        _ = PhotoWorker(PLAN, None, None)._model


def test_the_feed_waits_for_chunks_and_keeps_them() -> None:
    async def use() -> list[Any]:
        feed, found = ChunkFeed(), []
        waiting = asyncio.create_task(feed.has(0))
        await asyncio.sleep(0)
        found.append(waiting.done())
        await feed.put(0, ["reference"])
        found += [await waiting, await feed.chunk(0), await feed.chunk(0)]
        await feed.end(1)
        await feed.drop(0)
        return [*found, await feed.has(0), await feed.has(1)]

    assert asyncio.run(use()) == [False, True, ["reference"], ["reference"], True, False]


def test_workers_that_die_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []

    def rows(feed: Any, worker: Any, n_workers: int, first: int) -> Any:
        starts.append(first)
        if first == 0:
            yield {"number": 0}
        raise RayActorError

    monkeypatch.setattr(ray_pipeline, "_rows", rows)
    results = ray_pipeline._results(None, {}, 2)
    assert next(results) == {"number": 0}
    with pytest.raises(ClusterError, match="3 workers of Ray died one after another"):
        next(results)
    assert starts == [0, 1, 1]


def test_errors_of_workers() -> None:
    with pytest.raises(ModelError, match=r"^damaged$"), explained():
        raise RayTaskError("work", "traceback", ModelError("damaged\nTo change retry attempts, ..."))
    with pytest.raises(ClusterError, match="Ray ended the work: MemoryError: too much"), explained():
        raise RayTaskError("work", "traceback", MemoryError("too much\nat line 5"))
