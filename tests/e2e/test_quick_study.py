"""The main job on the real data with its shortest preset: the command, its metrics, its report and its map."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``clothier study --preset sprint``, in a locale whose encoding has not all letters of its name."""
    out = tmp_path_factory.mktemp("e2e") / "étude"
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "clothier", "study", "--preset", "sprint", "--out", str(out), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=500, env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((out / "study.json").read_text())
    return out


@pytest.fixture(scope="module")
def content(study: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((study / "study.json").read_text())
    return read


def test_both_models_learn(content: dict[str, Any]) -> None:
    test = {model: metrics["test"] for model, metrics in content["metrics"].items()}
    assert test["dnn"]["n"] == test["cnn"]["n"] == 10_000
    assert test["dnn"]["accuracy"] > 0.87  # seen: 88.4 %
    assert test["cnn"]["accuracy"] > 0.88  # seen: 90.2 %
    difference = test["dnn"]["accuracy"] - test["cnn"]["accuracy"]
    assert content["comparison"]["difference"] == pytest.approx(difference)


def test_the_data_are_explored(content: dict[str, Any]) -> None:
    pca, found = content["exploration"]["pca"], content["exploration"]["map"]
    assert (pca["components_for_90"], pca["components_for_95"]) == (84, 187)
    assert found["n"] == 70_000
    assert found["knn10"] > 0.825  # seen: .835 to .840; two principal components: .53


def test_the_report_shows_both_models_and_links_to_the_map(study: Path, content: dict[str, Any]) -> None:
    report = (study / "report.html").read_text()
    for model in ("dnn", "cnn"):
        assert f"{100 * content['metrics'][model]['test']['accuracy']:.2f}" in report
    assert 'href="map.html"' in report
    assert (study / "map.html").stat().st_size > 5_000_000
