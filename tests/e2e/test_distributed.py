"""``torchrun -m clothier train``: two processes, one run folder, one voice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from clothier.errors import Interrupted
from clothier.runs import Run
from clothier.training.options import options_from_config
from clothier.workflows.train import train
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

RECIPE = """
epochs = 8
batch_size = 100
validation = 0.2
precision = "float32"
[network]
widths = [16, 32]
depths = [2, 2]
patch = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn garments, and a recipe that learns most of them."""
    folder = tmp_path_factory.mktemp("team")
    write_synthetic_dataset(folder / "data", train=1500, test=500)
    (folder / "small.toml").write_text(RECIPE)
    return folder


def run_clothier(*words: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """The command alone, or under torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    return subprocess.run(
        [sys.executable, *torchrun, "-m", "clothier", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def trained(folder: Path, name: str, processes: int, *more: object) -> tuple[dict[str, Any], str]:
    """``train`` into ``folder / name``: what it printed, and what it said on stderr."""
    words = ("train", "cnn", "--recipe", folder / "small.toml", "--data", folder / "data", "--any-idx")
    done = run_clothier(*words, "--out", folder / name, "--json", *more, processes=processes)
    printed: dict[str, Any] = json.loads(done.stdout)  # one JSON document: the other process is silent
    return printed, done.stderr


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    return trained(folder, "alone", 1)[0]


@pytest.fixture(scope="module")
def together(folder: Path) -> tuple[dict[str, Any], str]:
    return trained(folder, "together", 2)


def test_two_processes_make_one_run_and_say_so_once(folder: Path, together: tuple[dict[str, Any], str]) -> None:
    printed, said = together
    assert printed == {"run": str(folder / "together"), **Run(folder / "together").metrics}
    assert not (folder / "together-2").exists()
    assert len(Run(folder / "together").read_results()) == 8
    for word in ("Warning", "warning", "Traceback", "leak", "terminate", "Error"):
        assert word not in said, said
    assert not list((folder / "together").rglob("*.part"))


def test_two_processes_learn_what_one_learns(alone: dict[str, Any], together: tuple[dict[str, Any], str]) -> None:
    printed, _ = together
    assert printed["parameters"] == alone["parameters"]
    for part in ("validation", "test"):
        difference = printed[part]["accuracy"] - alone[part]["accuracy"]
        assert abs(difference) < 4 * alone[part]["standard_error"] + 0.01
    assert alone["test"]["accuracy"] > 0.9


def test_a_run_goes_on_with_two_processes(folder: Path, together: tuple[dict[str, Any], str]) -> None:
    def stop(task: str, done: float, total: float, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    torch.set_num_threads(1)
    options = options_from_config(folder / "together" / "config.json")
    with pytest.raises(Interrupted):
        train(replace(options, out=folder / "stopped"), progress=stop)
    torch.set_num_threads(2)
    done = run_clothier("train", "--resume", folder / "stopped", "--json", processes=2)
    resumed = json.loads(done.stdout)
    assert [record.epoch for record in Run(folder / "stopped").read_results()] == list(range(1, 9))
    assert resumed["test"]["accuracy"] > together[0]["test"]["accuracy"] - 0.05


def test_two_processes_keep_a_time_limit(folder: Path) -> None:
    (folder / "endless.toml").write_text(RECIPE.replace("epochs = 8", "epochs = 100000"))
    words = ("train", "cnn", "--recipe", folder / "endless.toml", "--data", folder / "data", "--any-idx")
    done = run_clothier(*words, "--time-limit", "5s", "--out", folder / "limited", "--json", processes=2)
    assert 5 <= json.loads(done.stdout)["train_seconds"] < 15


def test_a_sentence_reaches_the_user(folder: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_clothier("train", "cnn", "--data", folder / "nowhere", processes=2)
    assert f"Error: {folder / 'nowhere'} does not exist" in caught.value.stderr
    assert caught.value.stdout == ""
