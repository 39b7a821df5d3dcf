"""Interleaved timing, and functions in a process of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks.timing import Timings, run_in_subprocess, time_interleaved
from clothier.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAME = "CLOTHIER_TEST_VARIABLE"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[float]], None]:
    """Sets the times that the clock returns."""

    def set_times(times: Iterable[float]) -> None:
        remaining = iter(times)
        monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: next(remaining))

    return set_times


def test_variants_are_interleaved() -> None:
    called: list[tuple[str, int]] = []
    variants = {name: (lambda index, name=name: called.append((name, index))) for name in ("ours", "theirs")}
    timings = time_interleaved(variants, 2, warm_up=True)
    assert called == [(name, index) for index in (0, 0, 1) for name in ("ours", "theirs")]
    assert [len(seconds) for seconds in timings.seconds.values()] == [2, 2], "the warm-up does not count"


def test_ratio_is_the_median_of_paired_rounds() -> None:
    # the machine was ten times slower in the second round, for both
    timings = Timings({"ours": (1.0, 20.0, 1.5), "theirs": (2.0, 40.0, 2.0)})
    assert timings.ratio("ours", "theirs") == 0.5
    assert timings.ratio("theirs", "ours") == 2


def test_row_has_count_and_range() -> None:
    row = Timings({"ours": (3.0, 1.0, 2.0)}).row("ours", points=7)
    assert row == {"name": "ours", "n": 3, "min": 1, "median": 2, "max": 3, "unit": "s", "accuracy": None, "points": 7}
    assert Timings({"ours": (3.0,)}).row("ours", accuracy=0.5)["accuracy"] == 0.5


def test_seconds_of_each_variant(clock: Callable[[Iterable[float]], None]) -> None:
    clock([0.0, 1.5, 10.0, 14.0])
    timings = time_interleaved({"fast": lambda _: None, "slow": lambda _: None}, 1)
    assert timings.seconds == {"fast": [1.5], "slow": [4.0]}


def test_median_of_several_calls_counts(clock: Callable[[Iterable[float]], None]) -> None:
    clock([0.0, 1.0, 1.0, 3.0, 3.0, 103.0])  # the third call was interrupted
    called: list[int] = []
    timings = time_interleaved({"fast": called.append}, 1, calls=3)
    assert timings.seconds == {"fast": [2.0]}
    assert called == [0, 0, 0]


def test_progress_is_called_for_every_variant_of_every_round() -> None:
    calls: list[tuple[float, float, str]] = []
    time_interleaved(
        {"a": lambda _: None, "b": lambda _: None},
        2,
        progress=lambda task, done, total, note="": calls.append((done, total, note)),
    )
    assert calls == [(0, 2, "a"), (0.5, 2, "b"), (1, 2, "a"), (1.5, 2, "b"), (2, 2, "")]


def test_subprocess_has_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "before")
    pid, value = run_in_subprocess(_pid_and_variable, environment={NAME: "within"})
    assert pid != os.getpid()
    assert value == "within"
    assert os.environ[NAME] == "before"


def test_errors_of_a_subprocess_propagate_and_the_environment_is_restored() -> None:
    with pytest.raises(UsageError, match=r"^too few$"):
        run_in_subprocess(_fail, "too few", environment={NAME: "within"})
    assert NAME not in os.environ


def _pid_and_variable() -> tuple[int, str | None]:
    return os.getpid(), os.environ.get(NAME)


def _fail(message: str) -> None:
    raise UsageError(message)
