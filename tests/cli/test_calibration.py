"""``clothier calibrate`` on the command line: its options, its table, its exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier.data.photo_csv import Columns
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


def test_every_option_arrives(run: Runner, workflows: FakeWorkflows) -> None:
    columns = "--file-column picture --label-column kind --group-column line"
    words = f"calibrate photo --data own.csv --out mine --risk 0.02 --confidence 0.9 {columns}"
    assert run(*words.split()).code == 0
    assert workflows.only_call == {
        "model": "photo",
        "data": Path("own.csv"),
        "out": Path("mine"),
        "columns": Columns("picture", "kind", "line"),
        "risk": 0.02,
        "confidence": 0.9,
    }


def test_what_is_not_given_is_usual(run: Runner, workflows: FakeWorkflows) -> None:
    assert run("calibrate", "photo", "--data", "own.csv", "--json").json == workflows.calibrate_result
    usual = {"out": None, "columns": Columns(), "risk": 0.05, "confidence": 0.95}
    assert workflows.only_call == {"model": "photo", "data": Path("own.csv"), **usual}


def test_the_table(run: Runner, workflows: FakeWorkflows) -> None:
    shown = run("calibrate", "photo", "--data", "own.csv").stdout
    for sentence in (
        "Promise: at most 5.0 % of the accepted tags wrong, 95.0 % confidence, proven on your own photos (400 photos,",
        "31 groups (by line))",
        "Accepted from 84.3 % on: 70.3 % of the photos; 3.1 % of those tags are wrong, at most 4.9 % by the bound",
        "Kept in a class by itself: hat",
        "Strangers are told from garments with an AUROC of 0.765",
        "Note: two rows are the same.",
        "Model: models/mine",
    ):
        assert sentence in shown


def without_guarantee(content: dict[str, Any]) -> dict[str, Any]:
    promise = {**content["thresholds"]["promise"], "bound": None, "observed": None, "coverage": 0.0, "classes": []}
    return {**content, "kept": False, "novelty_auroc": None, "thresholds": {"accept": None, "promise": promise}}


def test_no_threshold_meets_the_guarantee(run: Runner, workflows: FakeWorkflows) -> None:
    workflows.calibrate_result = without_guarantee(workflows.calibrate_result)
    ending = run("calibrate", "photo", "--data", "own.csv")
    assert ending.code == 0
    assert "No probability proves the promise (at most 5.0 % of the accepted tags wrong" in ending.stdout
    assert "nothing is accepted" in ending.stdout
    strict = run("calibrate", "photo", "--data", "own.csv", "--strict", "--json")
    assert (strict.code, strict.json["kept"]) == (5, False)
    assert strict.stderr == "Error: no probability proves the promise of 0.05 on own. The results above are whole.\n"


def test_photos_that_could_not_be_read(run: Runner, workflows: FakeWorkflows) -> None:
    workflows.failed_inputs = (FailedInput("a.jpg", "empty", "a.jpg is empty."),)
    ending = run("calibrate", "photo", "--data", "own.csv", "--json")
    assert (ending.code, ending.stderr, ending.json["n"]) == (3, "a.jpg is empty.\n", 400)


@pytest.mark.parametrize("share", ["0", "1", "5", "5%", "nan"])
def test_a_risk_that_is_no_share(run: Runner, workflows: FakeWorkflows, share: str) -> None:
    ending = run("calibrate", "photo", "--data", "own.csv", "--risk", share)
    assert ending.code == 2
    assert f"'{share}' is not a share; give a number above 0 and below 1, such as 0.05." in ending.stderr
    assert workflows.calls == []
