"""The serving benchmark on a few drawings."""

from __future__ import annotations

import json

import pytest

from benchmarks import serving as module
from benchmarks import tagging

pytestmark = pytest.mark.slow


def test_rows_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "DRAWINGS", 2)
    monkeypatch.setattr(tagging, "QUALITIES", range(80, 84))
    monkeypatch.setattr(module, "LATENCY_SECONDS", 1.0)
    content = json.loads(json.dumps(module.benchmark_serving(rounds=1).to_json()))
    assert content["command"] == "make benchmark-serving"
    units = [one["unit"] for one in content["rows"]]
    assert units == ["photos/s"] * 4 + ["ms"] * 3 + ["s", "MB"]
    assert set(content["ratios"]) == {"serving/bound", "serving/p99"}
    assert all(value > 0 for value in content["ratios"].values())
