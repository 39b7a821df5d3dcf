"""The tagging benchmark on a few drawings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import tagging as module
from clothier.inference import load

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_rows_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWINGS", 2)
    monkeypatch.setattr(module, "QUALITIES", range(80, 84))
    content = json.loads(json.dumps(module.benchmark_tagging(rounds=1).to_json()))
    assert content["command"] == "make benchmark-tagging"
    names = {one["name"]: one["unit"] for one in content["rows"]}
    assert list(names.values()) == ["photos/s"] * 8 + ["s"]
    assert set(content["ratios"]) == {"tagging/loop", "tagging/bound", "network int8/float32"}
    assert all(value > 0 for value in content["ratios"].values())


def test_the_plain_loop_computes_what_the_model_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWINGS", 3)
    monkeypatch.setattr(module, "QUALITIES", range(88, 89))
    photos = module.draw_photos(tmp_path / "photos")
    images = np.stack([module._load(one) for one in photos])
    logits = module._network()(module.torch.from_numpy(images).permute(0, 3, 1, 2))
    model = load()
    found = (logits / model.temperature).softmax(1)
    for probabilities, expected in zip(found.tolist(), model.predict(photos), strict=True):
        # the bundled graph is int8, and its JPEGs are decoded at half their size
        best = max(zip(probabilities, model.classes, strict=True))
        assert best == (pytest.approx(expected.top[0].probability, abs=0.2), expected.top[0].name)
