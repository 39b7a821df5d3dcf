"""``clothier tune``: its arguments, what it refuses, what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clothier.errors import Interrupted
from clothier.training.tuning.options import TuneOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


def test_defaults(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("tune", "cnn").code == 0
    assert fake_workflows.calls == [("tune", {"options": TuneOptions(model="cnn")})]


def test_every_option_is_passed_on(run: Runner, fake_workflows: FakeWorkflows) -> None:
    words = "tune dnn --search-space study --trials 5 --time-limit 1h30m --epochs 2 --data d --any-idx --out o --seed 3"
    assert run(*words.split()).code == 0
    assert fake_workflows.only_call["options"] == TuneOptions(
        model="dnn",
        search_space="study",
        trials=5,
        time_limit=5400.0,
        epochs=2,
        data=Path("d"),
        any_idx=True,
        out=Path("o"),
        seed=3,
    )


def test_resume(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("tune", "--resume", "runs/mine").code == 0
    assert fake_workflows.calls == [("resume_tune", {"path": Path("runs/mine")})]


def test_resume_with_the_new_place_of_the_data(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("tune", "--resume", "runs/mine", "--data", "moved").code == 0
    assert fake_workflows.calls == [("resume_tune", {"path": Path("runs/mine"), "data": Path("moved")})]


def test_resume_can_extend(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("tune", "--resume", "runs/mine", "--trials", "60", "--time-limit", "2h").code == 0
    assert fake_workflows.only_call == {"path": Path("runs/mine"), "trials": 60, "time_limit": 7200.0}


def test_table(run: Runner, fake_workflows: FakeWorkflows) -> None:
    lines = [line for line in run("tune", "dnn").lines if line]
    assert lines[0] == "Trial Validation Epochs Recipe"
    assert lines[2:5] == [
        "2 89.74 % 30 optimizer rmsprop, learning rate 0.0123",
        "3 85.00 % 11 optimizer rmsprop, learning rate 0.0123; pruned",
        "1 0 optimizer rmsprop, learning rate 0.0123; the loss is NaN.",
    ]
    assert "12,000 validation images (standard error 0.28 percentage points)" in lines[5]
    assert lines[5].endswith("clothier train dnn --recipe 'runs/my tune/best.toml'")


def test_json(run: Runner, fake_workflows: FakeWorkflows) -> None:
    printed = run("tune", "dnn", "--search-space", "study", "--json").json
    assert printed == fake_workflows.results["tune"].to_json()


def test_ctrl_c_prints_how_to_resume(run: Runner, fake_workflows: FakeWorkflows) -> None:
    fake_workflows.failure = Interrupted(Path("runs/tune-dnn-study"), "tune")
    ended = run("tune", "dnn", "--json")
    assert (ended.code, ended.stdout) == (130, "")
    assert ended.stderr.endswith("clothier tune --resume runs/tune-dnn-study\n")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("tune", "dnn or cnn, or --resume"),
        ("tune --seed 3", "dnn or cnn, or --resume"),
        ("tune cnm", "did you mean 'cnn'?"),
        ("tune dnn --search-space stud", "did you mean 'study'?"),
        ("tune cnn --search-space study", "known: fast"),
        ("tune dnn --resume a", "leave out dnn."),
        ("tune cnn --resume a --trials 3 --any-idx --seed 0", "leave out cnn, --any-idx, --seed."),
        ("tune dnn --trials 0", "'--trials': 0"),
        ("tune dnn --epochs 0", "'--epochs': 0"),
    ],
)
def test_refused(run: Runner, fake_workflows: FakeWorkflows, words: str, named: str) -> None:
    ended = run(*words.split())
    assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
    assert named in ended.stderr
