from __future__ import annotations

import numpy as np
import pytest

from benchmarks.similar import quality
from benchmarks.similar_speed import jittered, measure_copies, measure_speed
from clothier.catalogue.index import graph


def test_quality() -> None:
    angles = np.radians([0, 1, 90, 92, 180])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    values = {"product": ["a", "a", "b", "c", ""], "label": ["x", "x", "y", "y", "y"]}
    found = quality(vectors, values)
    assert (found["product@1"], found["product@10"], found["product_n"]) == (1, 1, 2), (
        "b, c and none have no other photo"
    )
    assert found["label@10"] == pytest.approx((2 * 1 + 3 * 2) / 4 / 5), "of four neighbors"


@pytest.mark.parametrize("kind", ["exact", "graph"])
def test_speed(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "graph":
        monkeypatch.setattr(graph, "MIN_PHOTOS", 1)
    descriptors = np.random.default_rng(0).random((300, 160), dtype=np.float32)
    made, search = measure_speed(descriptors, [2_000])
    assert (made["unit"], search["unit"], search["name"]) == ("s", "ms", f"search: 2,000 photos, {kind}")
    assert search["accuracy"] >= (1 if kind == "exact" else 0.9)


def test_copies_are_found_and_nothing_else() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    found = measure_copies(images, 2_000)
    assert (found["name"], found["unit"]) == ("find copies: 2,000 photos", "s")
    assert found["accuracy"] > 0.99


def test_jittered_vectors_differ() -> None:
    vectors = jittered(np.random.default_rng(0).random((20, 160), dtype=np.float32), 60)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert 0.5 < float(vectors[0] @ vectors[20]) < 0.99
