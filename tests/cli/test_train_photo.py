"""``clothier train photo``: what it asks of its workflow, and what it says of photos that were left out."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from clothier.data.photo_csv import Columns
from clothier.recipes.presets import BEST_PHOTO, FAST_PHOTO
from clothier.training.finetune.options import PhotoOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult

    Runner = Callable[..., CliResult]

SCORES = {"accuracy": 0.9, "standard_error": 0.01, "macro_f1": 0.88, "macro_recall": 0.87, "ece": 0.02, "nll": 0.3}
FAILURE = {"file": "gone.jpg", "error": {"code": "not-found", "message": "gone.jpg is not there."}}
METRICS: dict[str, Any] = {
    "model": "photo",
    "validation": {**SCORES, "n": 100, "coverage": 0.7, "selective_risk": 0.031},
    "test": None,
    "label_issues": 12,
    "baseline_comparison": {
        "baseline": {"name": "frozen features", "accuracy": 0.85, "macro_recall": 0.8},
        "model": {"name": "photo best", "accuracy": 0.9, "macro_recall": 0.87},
    },
}


class FakeTrainPhoto(ModuleType):
    """The workflow, which only remembers."""

    def __init__(self) -> None:
        super().__init__("clothier.workflows.train_photo")
        self.calls: list[Any] = []
        self.failures: list[Any] = []

    def train_photo(self, options: PhotoOptions, *, progress: object) -> Any:
        return self._made(options)

    def resume_photo(self, path: Path, *, progress: object) -> Any:
        return self._made(path)

    def _made(self, asked: object) -> Any:
        self.calls.append(asked)
        metrics = {**METRICS, "data": {"failures": self.failures}}
        return SimpleNamespace(path=Path("runs/photo"), metrics=metrics, to_json=lambda: {"run": "x", **metrics})


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> FakeTrainPhoto:
    fake = FakeTrainPhoto()
    monkeypatch.setitem(__import__("sys").modules, fake.__name__, fake)
    return fake


def test_defaults(run: Runner, work: FakeTrainPhoto) -> None:
    ending = run("train", "photo", "--data", "photos")
    assert ending.code == 0
    assert work.calls == [PhotoOptions(data=Path("photos"), recipe=BEST_PHOTO)]
    assert "photo best" in ending.stdout
    assert "Accepts 70.0 % of the photos without a person, 3.1 % of those tags are wrong" in ending.stdout
    assert "12 doubtful labels in audit.csv" in ending.stdout


def test_every_option_arrives(run: Runner, work: FakeTrainPhoto) -> None:
    words = "train photo --data d --preset fast --out o --seed 3 --time-limit 30m --group-column who --label-column tag"
    assert run(*words.split()).code == 0
    assert work.calls == [
        PhotoOptions(
            data=Path("d"),
            recipe=FAST_PHOTO,
            columns=Columns(label="tag", group="who"),
            out=Path("o"),
            seed=3,
            time_limit=1800.0,
        )
    ]


def test_what_was_left_out_is_named_and_ends_with_three(run: Runner, work: FakeTrainPhoto) -> None:
    work.failures = [FAILURE]
    ending = run("train", "photo", "--data", "d", "--json")
    assert ending.code == 3
    assert ending.json["data"]["failures"] == [FAILURE]
    assert ending.stderr == "gone.jpg is not there.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train photo", "train photo needs --data: a CSV with the columns file, label"),
        ("train photo --data d --recipe r.toml", "train photo takes no --recipe; it has the presets best and fast."),
        ("train photo --data d --twin r", "train photo takes no --twin; it has the presets best and fast."),
        ("train photo --data d --teachers r", "train photo takes no --teachers; it has the presets best and fast."),
        ("train photo --data d --any-idx", "train photo takes no --any-idx; it has the presets best and fast."),
        ("train photo --data d --preset bets", "'bets' is not a preset of photo; did you mean 'best'?"),
        ("train cnn --group-column who", "--group-column belong to train photo."),
    ],
)
def test_requests_that_cannot_be_taken(run: Runner, work: FakeTrainPhoto, words: str, sentence: str) -> None:
    ending = run(*words.split())
    assert ending.code == 2
    assert sentence in ending.stderr
    assert not work.calls


def test_a_photo_run_is_resumed_as_one(run: Runner, work: FakeTrainPhoto, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PhotoOptions(data=Path("d")).to_json()))
    assert run("train", "--resume", str(tmp_path)).code == 0
    assert work.calls == [tmp_path]
    ending = run("train", "photo", "--resume", str(tmp_path), "--seed", "4")
    assert ending.code == 2
    assert "--resume takes everything from the run; leave out --seed." in ending.stderr


def test_as_another_run_did(run: Runner, work: FakeTrainPhoto, tmp_path: Path) -> None:
    asked = PhotoOptions(data=Path("/d"), recipe=FAST_PHOTO, columns=Columns(group="who"), seed=5)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(asked.to_json()))
    assert run("train", "--config", str(config)).code == 0
    assert work.calls == [asked]
    assert run("train", "--config", str(config), "--preset", "best").code == 2
