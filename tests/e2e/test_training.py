"""Training as users do it, on the real data: killed, stopped, resumed, limited, on another machine's processor."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.data.sources import load_fashion_mnist
from clothier.runs import Run
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

EPOCHS = {"dnn": 4, "cnn": 2}
NARROW = "[network]\nwidths = [16, 32, 64]\n"  # a CNN of the same kind, whose epochs take a few seconds


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "clothier", *map(str, words)]


def clothier(*words: object, **environment: str) -> Any:
    """Runs the command to its end; what it prints as JSON."""
    done = subprocess.run(
        command(*words, "--json"),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def recipe(folder: Path, model: str, more: str = "") -> Path:
    """The preset ``fast`` with fewer epochs."""
    path = folder / f"{model}.toml"
    path.write_text(f"epochs = {EPOCHS[model]}\n{more}")
    return path


def rows(run: Path) -> list[dict[str, str]]:
    """``results.csv`` without times."""
    with (run / "results.csv").open() as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def signaled(number: signal.Signals, run: Path, *words: object) -> tuple[int, str]:
    """Sends a signal to a training in the middle of the epoch after its next; exit code and stderr."""
    epochs = len(rows(run)) if (run / "results.csv").exists() else 0
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not (run / "results.csv").exists() or len(rows(run)) <= epochs:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    complaint = process.communicate(timeout=60)[1]
    return process.returncode, complaint


@dataclass
class Training:
    """A training that nobody disturbed: its command line without ``--out``, what it printed, and its folder."""

    asked: tuple[object, ...]
    printed: dict[str, Any]
    run: Path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Training]:
    """Trains each model once. For reading only."""

    @cache
    def train(model: str) -> Training:
        folder = tmp_path_factory.mktemp(model)
        path = recipe(folder, model, NARROW if model == "cnn" else "")
        asked = ("train", model, "--recipe", path, "--seed", 3)
        return Training(asked, clothier(*asked, "--out", folder / "calm"), folder / "calm")

    return train


@pytest.mark.parametrize("model", ["dnn", "cnn"])
def test_a_killed_training_ends_as_an_undisturbed_one(
    model: str, undisturbed: Callable[[str], Training], tmp_path: Path
) -> None:
    calm = undisturbed(model)
    asked, run = calm.asked, tmp_path / "run"
    if model == "dnn":
        code, complaint = signaled(signal.SIGINT, run, *asked, "--out", run)
        assert code == 130
        assert complaint.endswith(f"resume with: clothier train --resume {run}\n")
        code, _ = signaled(signal.SIGKILL, run, "train", "--resume", run)
    else:
        code, _ = signaled(signal.SIGKILL, run, *asked, "--out", run)
    assert code == -signal.SIGKILL
    assert 1 <= len(rows(run)) < EPOCHS[model]
    assert not Run(run).is_finished

    resumed = clothier("train", "--resume", run)
    differing = {name for name in calm.printed if resumed[name] != calm.printed[name]}
    assert differing == {"run", "train_seconds"}
    assert rows(run) == rows(calm.run)
    assert Run(run).config == Run(calm.run).config
    weights = [(folder / "bundle" / "weights.safetensors").read_bytes() for folder in (run, calm.run)]
    assert weights[0] == weights[1]


def test_a_time_limit_is_kept_on_real_data(tmp_path: Path) -> None:
    made = clothier("train", "dnn", "--time-limit", "8s", "--out", tmp_path / "run")
    assert 8 <= made["train_seconds"] < 12  # the last epoch's validation comes on top
    assert made["test"]["accuracy"] > 0.84
    last, first = (float(rows(tmp_path / "run")[place]["learning_rate"]) for place in (-1, 0))
    assert last < 0.1 * max(first, 2e-3)


def test_a_processor_without_wide_instructions_learns_too(
    undisturbed: Callable[[str], Training], tmp_path: Path
) -> None:
    wide = undisturbed("dnn").printed
    narrow = clothier(*undisturbed("dnn").asked, "--out", tmp_path / "narrow", ONEDNN_MAX_CPU_ISA="AVX2")
    assert abs(narrow["test"]["accuracy"] - wide["test"]["accuracy"]) < 4 * wide["test"]["standard_error"]
    assert wide["test"]["accuracy"] > 0.86


def test_a_folder_of_pictures_is_learnt(tmp_path: Path) -> None:
    part = load_fashion_mnist().train
    for label, name in enumerate(FASHION_MNIST_CLASSES[:3]):
        folder = tmp_path / "wardrobe" / name.replace("/", "-")
        folder.mkdir(parents=True)
        for number in np.flatnonzero(part.labels == label)[:150]:
            Image.fromarray(part.images[number]).save(folder / f"{number}.png")
    made = clothier(
        "train", "cnn", "--data", tmp_path / "wardrobe", "--recipe", recipe(tmp_path, "cnn", "batch_size = 50\n"),
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert [score["class"] for score in made["test"]["per_class"]] == ["Pullover", "T-shirt-top", "Trouser"]
    assert made["test"]["accuracy"] > 0.7
    shirt = next((tmp_path / "wardrobe" / "Trouser").iterdir())
    (answer,) = clothier("predict", shirt, "--model", tmp_path / "run")
    assert answer["class"] in {"Pullover", "T-shirt-top", "Trouser"}
