"""``clothier tune``: what it asks of its workflow, and what it shows of the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]

NOTHING: dict[str, Any] = {
    "trials": None, "time_limit": None, "epochs": None, "data": None, "any_idx": False, "out": None, "seed": 0
}  # fmt: skip


def test_defaults(run: Runner, workflows: FakeWorkflows) -> None:
    assert run("tune", "cnn").code == 0
    assert workflows.calls == [("tune", {"model": "cnn", "space": "fast", **NOTHING})]


def test_every_option_arrives(run: Runner, workflows: FakeWorkflows) -> None:
    words = "tune dnn --space study --trials 5 --time-limit 1h30m --epochs 2 --data d --any-idx --out o --seed 3"
    assert run(*words.split()).code == 0
    length = {"trials": 5, "time_limit": 5400.0, "epochs": 2}
    places = {"data": Path("d"), "any_idx": True, "out": Path("o")}
    assert workflows.only_call == {"model": "dnn", "space": "study", **length, **places, "seed": 3}


def test_resume(run: Runner, workflows: FakeWorkflows) -> None:
    assert run("tune", "--resume", "runs/mine").code == 0
    assert workflows.calls == [("resume_tune", {"path": Path("runs/mine"), "trials": None, "time_limit": None})]


def test_resume_may_extend(run: Runner, workflows: FakeWorkflows) -> None:
    assert run("tune", "--resume", "runs/mine", "--trials", "60", "--time-limit", "2h").code == 0
    assert workflows.only_call == {"path": Path("runs/mine"), "trials": 60, "time_limit": 7200.0}


def test_table(run: Runner, workflows: FakeWorkflows) -> None:
    lines = [" ".join(line.split()) for line in run("tune", "dnn").stdout.splitlines() if line.strip()]
    assert lines[0] == "Trial Validation Epochs Recipe"
    assert lines[2:5] == [
        "2 89.74 % 30 optimizer rmsprop, learning rate 0.0123",
        "3 85.00 % 11 optimizer rmsprop, learning rate 0.0123; cut short",
        "1 0 optimizer rmsprop, learning rate 0.0123; went astray.",
    ]
    assert lines[5] == (
        "Best of 3 by 12,000 validation images (standard error 0.28 points). Train it with: "
        "clothier train dnn --recipe 'runs/my tune/best.toml'"
    )


def test_json(run: Runner, workflows: FakeWorkflows) -> None:
    found = run("tune", "dnn", "--space", "study", "--json").json
    assert (found["best"]["validation_accuracy"], len(found["trials"])) == (0.8974, 3)


def test_ctrl_c_says_how_to_go_on(run: Runner, workflows: FakeWorkflows) -> None:
    workflows.failure = Interrupted(Path("runs/tune-dnn-study"), "tune")
    ending = run("tune", "dnn", "--json")
    assert (ending.code, ending.stdout) == (130, "")
    assert ending.stderr == (
        "Error: interrupted. What is done is kept; continue it with: clothier tune --resume runs/tune-dnn-study\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("tune", "nothing to tune was named; give dnn or cnn, or --resume."),
        ("tune --seed 3", "nothing to tune was named; give dnn or cnn, or --resume."),
        ("tune cnm", "'cnm' is not a model to tune; did you mean 'cnn'?"),
        ("tune dnn --space stud", "'stud' is not a search space of a dnn; did you mean 'study'?"),
        ("tune cnn --space study", "'study' is not a search space of a cnn; known: fast."),
        (
            "tune dnn --resume a",
            "--resume takes all but --trials and --time-limit from the search; leave out dnn.",
        ),
        (
            "tune cnn --resume a --trials 3 --any-idx --seed 0",
            "--resume takes all but --trials and --time-limit from the search; leave out cnn, --any-idx, --seed.",
        ),
    ],
)
def test_contradictions(run: Runner, workflows: FakeWorkflows, words: str, sentence: str) -> None:
    ending = run(*words.split())
    assert (ending.code, ending.stdout, ending.stderr) == (2, "", f"Error: {sentence}\n")
    assert workflows.calls == []


@pytest.mark.parametrize("option", ["--trials", "--epochs"])
def test_counts_are_counts(run: Runner, workflows: FakeWorkflows, option: str) -> None:
    ending = run("tune", "dnn", option, "0")
    assert (ending.code, workflows.calls) == (2, [])
    assert "'0' is not a whole number of 1 or more" in ending.stderr
