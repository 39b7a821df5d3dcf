"""The benchmark of the map, on few drawn garments: who is measured against whom, and that each map is judged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import map as module
from clothier.data.dataset import Dataset
from clothier.data.synthetic import draw_garments
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_fashion_mnist", lambda progress: DATASET)
        patch.setattr(module, "REFERENCE_IMAGES", 200)
        patch.setattr(module, "REFERENCE_FIT_IMAGES", 150)
        yield


def test_all_maps_are_timed_and_evaluated() -> None:
    told: list[str] = []
    found = module.benchmark_map(rounds=2, progress=lambda task, done, total, note="": told.append(note)).to_json()
    rows = {row["name"]: row for row in found["rows"]}
    assert [row["n"] for row in rows.values()] == [2, 2, 2, 1]
    for name in ("clothier", "openTSNE", "two principal components", "the original's setting"):
        assert 0 < rows[name]["accuracy"] == rows[name]["knn10"] <= 1
        assert rows[name]["knn10_min"] <= rows[name]["knn10"] <= rows[name]["knn10_max"]
        assert 0 < rows[name]["trustworthiness"] <= 1
    assert rows["the original's setting"]["points"] == 200
    assert rows["clothier"]["points"] == rows["openTSNE"]["points"] == 300
    assert set(found["ratios"]) == {"map/opentsne"}
    assert all(ratio > 0 for ratio in found["ratios"].values())
    assert [note for note in told if note in ("clothier", "openTSNE")][-4:] == ["clothier", "openTSNE"] * 2
    assert json.loads(json.dumps(found, allow_nan=False)) == found
