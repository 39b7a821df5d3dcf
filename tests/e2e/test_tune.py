"""``clothier tune`` as a user types it, on the real data: the study's grid, stopped, killed, taken up, and trained."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from clothier.recipes.search_spaces import STUDY_DNN_SPACE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "clothier", *map(str, words)]


def clothier(*words: object) -> tuple[Any, str]:
    """Runs the command to its end; what it prints as JSON, and what it says besides."""
    done = subprocess.run(command(*words, "--json"), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def finished(trials: Path) -> int:
    """The number of trials in the file."""
    return len(json.loads(trials.read_text())) if trials.exists() else 0


def signaled(number: signal.Signals, trials: Path, ended: int, *words: object) -> tuple[int, str, str]:
    """Sends a signal in the middle of a trial, once so many have ended; exit code, stdout and stderr."""
    process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while finished(trials) < ended:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    printed, complaint = process.communicate(timeout=60)
    return process.returncode, printed, complaint


def test_the_studys_grid_stopped_and_killed_has_every_point_once(tmp_path: Path) -> None:
    out = tmp_path / "grid"
    asked = ("tune", "dnn", "--search-space", "study", "--epochs", 1, "--out", out)
    code, printed, complaint = signaled(signal.SIGINT, out / "trials.json", 2, *asked, "--json")
    assert (code, printed) == (130, "")
    remedy = f"Error: interrupted. Progress is saved; resume with: clothier tune --resume {out}"
    assert complaint.splitlines()[-1] == remedy
    code, _, _ = signaled(signal.SIGKILL, out / "trials.json", 3, "tune", "--resume", out)
    assert code == -signal.SIGKILL
    assert not (out / "tune.json").exists()

    found, said = clothier("tune", "--resume", out)
    assert "optuna" not in said.lower()
    assert sorted(map(str, (one["params"] for one in found["trials"]))) == sorted(map(str, STUDY_DNN_SPACE.grid_points))
    assert {(one["state"], one["epochs"]) for one in found["trials"]} == {("complete", 1)}
    assert finished(out / "trials.json") == 8
    assert found["validation"]["n"] == 12_000
    assert 0.8 < found["best"]["validation_accuracy"] < 0.9
    assert not list(tmp_path.glob("grid-*")), "a resumed search stays in its folder"

    clothier("train", "dnn", "--recipe", out / "best.toml", "--out", tmp_path / "run")
    with (tmp_path / "run" / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["validation_accuracy"]) == found["best"]["validation_accuracy"], (
        "what was found is what is trained"
    )
