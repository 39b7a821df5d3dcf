"""The map benchmark on few synthetic images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import map as module
from clothier.data.dataset import Dataset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

DATASET = Dataset(
    "Synthetic", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_fashion_mnist", lambda progress: DATASET)
        patch.setattr(module, "REFERENCE_IMAGES", 200)
        patch.setattr(module, "REFERENCE_FIT_IMAGES", 150)
        yield


def test_all_maps_are_timed_and_evaluated() -> None:
    notes: list[str] = []
    found = module.benchmark_map(rounds=1, progress=lambda task, done, total, note="": notes.append(note)).to_json()
    rows = {row["name"]: row for row in found["rows"]}
    assert [row["n"] for row in rows.values()] == [1, 1, 1, 1]
    assert list(rows) == ["clothier", "openTSNE", "two principal components", "the reference study's setting"]
    for row in rows.values():
        assert row["accuracy"] == row["knn10"]
        assert row["knn10_min"] <= row["knn10"] <= row["knn10_max"]
    assert rows["clothier"]["knn10"] >= rows["two principal components"]["knn10"]
    assert rows["the reference study's setting"]["points"] == 200
    assert rows["clothier"]["points"] == rows["openTSNE"]["points"] == 300
    assert set(found["ratios"]) == {"map/opentsne"}
    assert [note for note in notes if note in ("clothier", "openTSNE")] == ["clothier", "openTSNE"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
