"""Values on the command line: what is read from each, and what is refused."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from clothier.cli import options


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200), ("1h0m1s", 3601), (" 5s ", 5), ("100m", 6000)],
)
def test_duration(text: str, seconds: float) -> None:
    assert options.duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_duration_of_all_parts(hours: int, minutes: int, seconds: int) -> None:
    assert options.duration(f"{hours}h{minutes}m{seconds}s") == 3600 * hours + 60 * minutes + seconds


@pytest.mark.parametrize("text", ["", "10", "m", "0s", "1.5h", "-1m", "10m5h", "10 m", "ten minutes"])
def test_invalid_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        options.duration(text)
    assert caught.value.message == f"{text!r} is not a duration; give one such as 90s, 10m or 1h30m."


@pytest.mark.parametrize("text", ["-1", "1.0", "", "4294967296", "٣", "1e3"])
def test_invalid_seed(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a seed; give a whole number from 0 to 4294967295"):
        options.seed(text)


def test_seed() -> None:
    assert [options.seed(text) for text in ("0", "7", "4294967295")] == [0, 7, 2**32 - 1]


@pytest.mark.parametrize("text", ["0", "-1", "two", "2.5"])
def test_invalid_positive_int(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a whole number of 1 or more"):
        options.positive_int(text)


@pytest.mark.parametrize("text", ["93", "-0.1", "nan", "93 %", ""])
def test_invalid_probability(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not an accuracy; give a share from 0 to 1, such as 0\.93"):
        options.probability(text)


def test_probability() -> None:
    assert [options.probability(text) for text in ("0", ".5", "1")] == [0.0, 0.5, 1.0]
