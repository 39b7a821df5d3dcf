"""The command that a benchmark's results name."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.results import BenchmarkResult, run_benchmark

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], "make benchmark-name"),
        (["--rounds", "5"], "make benchmark-name"),
        (["--rounds", "3"], 'make benchmark-name ARGS="--rounds 3"'),
    ],
)
def test_rounds_that_are_not_the_default_are_recorded(
    words: list[str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(rounds: int = 5, progress: Any = None) -> BenchmarkResult:
        return BenchmarkResult("name", [{"name": "a", "n": rounds, "min": 1, "median": 1, "max": 1, "unit": "s"}], {})

    out = tmp_path / "name.json"
    monkeypatch.setattr(sys, "argv", ["name", "--out", str(out), *words])
    run_benchmark("name", measure, None)
    written = json.loads(out.read_text())
    assert written["command"] == command
    assert written["rows"][0]["n"] == (int(words[1]) if words else 5)
