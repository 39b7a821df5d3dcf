"""Turns: every side once a round, and ratios of what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.timing import Timings, time_interleaved

if TYPE_CHECKING:
    import pytest


def test_variants_are_interleaved() -> None:
    called: list[tuple[str, int]] = []
    sides = {name: (lambda number, name=name: called.append((name, number))) for name in ("ours", "theirs")}
    turns = time_interleaved(sides, 2, warm_up=True)
    assert called == [(name, number) for number in (0, 0, 1) for name in ("ours", "theirs")]
    assert [len(taken) for taken in turns.seconds.values()] == [2, 2]  # the warm-up is not counted


def test_the_ratio_is_the_median_of_the_pairs_not_of_the_medians() -> None:
    # the machine was ten times slower in the second round, on both sides
    turns = Timings({"ours": (1.0, 20.0, 1.5), "theirs": (2.0, 40.0, 2.0)})
    assert turns.ratio("ours", "theirs") == 0.5
    assert turns.ratio("theirs", "ours") == 2


def test_a_row_says_how_often_and_how_far_apart() -> None:
    row = Timings({"ours": (3.0, 1.0, 2.0)}).row("ours", points=7)
    assert row == {"name": "ours", "n": 3, "min": 1, "median": 2, "max": 3, "unit": "s", "accuracy": None, "points": 7}
    assert Timings({"ours": (3.0,)}).row("ours", accuracy=0.5)["accuracy"] == 0.5


def test_seconds_are_those_of_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.5, 10.0, 14.0])
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: next(clock))
    turns = time_interleaved({"quick": lambda _: None, "slow": lambda _: None}, 1)
    assert turns.seconds == {"quick": [1.5], "slow": [4.0]}


def test_a_turn_of_many_calls_takes_what_the_median_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 1.0, 3.0, 3.0, 103.0])  # the third call was held up by a neighbour
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: next(clock))
    called: list[int] = []
    turns = time_interleaved({"quick": called.append}, 1, calls=3)
    assert turns.seconds == {"quick": [2.0]}
    assert called == [0, 0, 0]


def test_progress_tells_of_every_turn() -> None:
    told: list[tuple[float, float, str]] = []
    time_interleaved(
        {"a": lambda _: None, "b": lambda _: None},
        2,
        progress=lambda task, done, total, note="": told.append((done, total, note)),
    )
    assert told == [(0, 2, "a"), (0.5, 2, "b"), (1, 2, "a"), (1.5, 2, "b"), (2, 2, "")]
