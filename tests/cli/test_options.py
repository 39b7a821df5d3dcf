"""Parsers of option values."""

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
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", ["93", "-0.1", "nan", "93 %", ""])
def test_invalid_probability(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="from 0 to 1"):
        options.probability(text)


def test_probability() -> None:
    assert [options.probability(text) for text in ("0", ".5", "1")] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("text", ["0", "1", "nan", "5 %"])
def test_invalid_open_fraction(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="above 0 and below 1"):
        options.open_fraction(text)


@pytest.mark.parametrize("text", ["0.5", "0.1", "1", "nan"])
def test_invalid_confidence_level(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"above 0\.5 and below 1"):
        options.confidence_level(text)


def test_confidence_level() -> None:
    assert [options.confidence_level(text) for text in ("0.51", 0.95)] == [0.51, 0.95]
