"""``clothier benchmark``: what it asks of its workflow, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.cli.benchmark import BENCHMARKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Ending, Workflows

    Runner = Callable[..., Ending]


@pytest.mark.parametrize("what", BENCHMARKS)
def test_rounds_arrive_or_are_left_to_the_workflow(run: Runner, workflows: Workflows, what: str) -> None:
    assert run("benchmark", what, "--rounds", "1", "--json").json["ratios"] == {"map/opentsne": 0.1934}
    assert workflows.calls[0] == (f"benchmark_{what}", {"rounds": 1})


def test_table(run: Runner, workflows: Workflows) -> None:
    lines = [" ".join(line.split()) for line in run("benchmark", "map").stdout.splitlines()]
    assert "ours 32 s 31.4 s 35.6 s 3 83.75 %" in lines
    assert "PCA 0.42 s 0.41 s 0.5 s 7" in lines
    assert lines[-2:] == ["Ours by the rival's, medians of the paired ratios:", "map/opentsne: 0.193"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark", "maps"], "'maps' is not a benchmark; did you mean 'map'?"),
        (["benchmark", "map", "--rounds", "0"], "'0' is not a whole number of 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_said(run: Runner, workflows: Workflows, words: list[str], said: str) -> None:
    ending = run(*words)
    assert ending.code == 2
    assert said in " ".join(ending.stderr.split())
    assert workflows.calls == []
