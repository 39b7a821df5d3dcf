"""``clothier calibrate``: its arguments, its table, its exit codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clothier.data.columns import Columns
from clothier.selective.thresholds import ProvableRisk
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]

ATTAINABLE = (
    "With these 400 photos, at most 14 % wrong at 62 % coverage can be proven (--risk auto). For at most 5 %, about "
    "700 more reviewed photos are needed."
)


def test_every_option_is_passed_on(run: Runner, fake_workflows: FakeWorkflows) -> None:
    columns = "--file-column image --label-column kind --group-column line"
    words = f"calibrate photo --data own.csv --out mine --risk 0.02 --confidence 0.9 --taxonomy c.csv {columns}"
    assert run(*words.split()).code == 0
    assert fake_workflows.only_call == {
        "model": "photo",
        "data": Path("own.csv"),
        "out": Path("mine"),
        "columns": Columns("image", "kind", "line"),
        "risk": 0.02,
        "confidence_level": 0.9,
        "taxonomy": Path("c.csv"),
    }


def test_defaults(run: Runner, fake_workflows: FakeWorkflows) -> None:
    printed = run("calibrate", "photo", "--data", "own.csv", "--json").json
    assert printed == fake_workflows.results["calibrate"].to_json()
    defaults = {"out": None, "columns": Columns(), "confidence_level": 0.95}
    assert fake_workflows.only_call == {"model": "photo", "data": Path("own.csv"), **defaults}


def test_table(run: Runner, fake_workflows: FakeWorkflows) -> None:
    lines = run("calibrate", "photo", "--data", "own.csv").lines
    assert lines[3:5] == ["temperature 1.000 1.457", "calibration error, cross-validated 8.1 % 2.1 %"]
    basis = "400 photos, 31 groups (by line)"
    wrong = "at most 5.0 % of the accepted tags wrong, 95.0 % confidence"
    assert lines[-8:] == [
        f"Guarantee on photos of its classes: {wrong} ({basis})",
        "Accepted: 70.3 % of the photos, from probability 84.3 %; 3.1 % of those tags are wrong",
        "Wrong by class: hat 1 of 80, boot 4 of 60",
        "The guarantee also holds for hat alone",
        "Outside the classes: 9 of 20 photos are accepted; counting them, 5.0 % of the accepted tags are wrong",
        "OOD detection AUROC: 0.765",
        "Warning: two rows are the same.",
        "Model: models/mine",
    ]


@pytest.fixture
def unmet(fake_workflows: FakeWorkflows) -> FakeWorkflows:
    """No threshold meets the guarantee."""
    result = fake_workflows.results["calibrate"]
    guarantee = replace(result.thresholds.guarantee, empirical_risk=None, coverage=0.0, n_accepted=0, per_class=())
    strictest = ProvableRisk(risk=0.14, min_probability=0.9, coverage=0.62, more_photos=0)
    guarantee = replace(guarantee, strictest=strictest, more_photos=700)
    thresholds = replace(result.thresholds, min_probability=None, guarantee=guarantee)
    selective = {**result.selective, "novelty_auroc": None}
    fake_workflows.results["calibrate"] = replace(result, thresholds=thresholds, selective=selective)
    return fake_workflows


def test_no_threshold_meets_the_guarantee(run: Runner, unmet: FakeWorkflows) -> None:
    ended = run("calibrate", "photo", "--data", "own.csv")
    assert ended.code == 0
    assert "No threshold meets the guarantee: nothing is accepted" in ended.lines
    assert ATTAINABLE in ended.lines


def test_strict_fails_without_a_threshold(run: Runner, unmet: FakeWorkflows) -> None:
    ended = run("calibrate", "photo", "--data", "own.csv", "--strict", "--json")
    assert (ended.code, ended.json["guarantee_met"]) == (5, False)
    assert "of 5 % on own" in ended.stderr
    assert ATTAINABLE in " ".join(ended.stderr.split())


def test_photos_that_could_not_be_read(run: Runner, fake_workflows: FakeWorkflows) -> None:
    failure = FailedInput("a.jpg", "empty", "a.jpg is empty.")
    fake_workflows.results["calibrate"] = replace(fake_workflows.results["calibrate"], failures=(failure,))
    ended = run("calibrate", "photo", "--data", "own.csv", "--json")
    assert (ended.code, ended.stderr, ended.json["n"]) == (3, "a.jpg is empty.\n", 400)


def test_risk_auto(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("calibrate", "photo", "--data", "own.csv", "--risk", "auto").code == 0
    assert fake_workflows.only_call["risk"] == "auto"


@pytest.mark.parametrize("fraction", ["0", "1", "5", "5%", "nan"])
def test_invalid_risk(run: Runner, fake_workflows: FakeWorkflows, fraction: str) -> None:
    ended = run("calibrate", "photo", "--data", "own.csv", "--risk", fraction)
    assert ended.code == 2
    assert f"'--risk': '{fraction}'" in ended.stderr
    assert fake_workflows.calls == []
