"""Bars for a terminal, lines for a log, nothing for the other processes of torchrun."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from clothier import types
from clothier.cli import progress

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that goes only when it is told to."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


class TestLogProgress:
    def test_what_is_done_at_once_is_not_mentioned(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in range(4):
            lines("checking", done, 3)
            clock(0.2)
        assert capsys.readouterr().err == ""

    def test_an_end_is_told_once_with_the_last_finding(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in (0, 1, 2, 3, 3, 3):
            lines("training cnn", done, 3, f"accuracy {done}")
            clock(4)
        assert capsys.readouterr().err == "training cnn: 3/3, accuracy 3, 12 s\n"

    def test_long_work_gives_signs_of_life(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in range(0, 8_000_000, 1_000_000):
            lines("fetching", done, 10_000_000)
            clock(10)
        assert capsys.readouterr().err == "fetching: 30 %, 30 s\nfetching: 60 %, 60 s\n"

    def test_a_second_round_is_told_again(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in (0, 1, 2, 0, 1, 2):
            lines("evaluating", done, 2)
            clock(5)
        assert capsys.readouterr().err == "evaluating: 2/2, 10 s\n" * 2

    def test_a_remark(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress.LogProgress()("finding data", 0, 0, "passed over the cache.")
        assert capsys.readouterr().err == "passed over the cache.\n"


def rendered_lines(*calls: tuple[str, float, float, str], seconds: float) -> str:
    """What a terminal of 100 columns has at the end, when each call was followed by some seconds."""
    terminal = io.StringIO()
    now = [0.0]
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    columns = progress._columns()
    with progress._DelayedProgress(*columns, console=console, auto_refresh=False, get_time=lambda: now[0]) as display:
        bars = progress.BarProgress(display)
        for one in calls:
            bars(*one)
            now[0] += seconds
        terminal.truncate(0)
        display.refresh()
    return terminal.getvalue()


class TestBarProgress:
    def test_amount_and_finding(self) -> None:
        text = rendered_lines(("training cnn", 0, 5, ""), ("training cnn", 3.5, 5, "validation 92.1 %"), seconds=2)
        assert "training cnn" in text
        assert "3/5" in text
        assert "validation 92.1 %" in text

    def test_a_second_passes_before_a_bar_shows(self) -> None:
        assert "training" not in rendered_lines(("training", 0, 5, ""), ("training", 1, 5, ""), seconds=0.4)

    def test_what_was_quick_never_shows(self) -> None:
        text = rendered_lines(
            ("quick", 0, 1, ""), ("quick", 1, 1, ""), ("slow", 0, 5, ""), ("slow", 1, 5, ""), seconds=0.9
        )
        assert "quick" not in text
        assert "slow" in text

    def test_a_second_round_has_a_bar_of_its_own(self) -> None:
        text = rendered_lines(*(("evaluating", done, 2, "") for done in (0, 2, 0, 1)), seconds=2)
        assert text.count("evaluating") >= 2
        assert "2/2" in text
        assert "1/2" in text

    def test_names_are_no_markup(self) -> None:
        assert "[red]" in rendered_lines(("reading [red]", 0, 5, ""), ("reading [red]", 1, 5, ""), seconds=2)


def test_lines_where_stderr_is_no_terminal() -> None:
    with progress.progress_display() as watch:
        assert isinstance(watch, progress.LogProgress)


def test_bars_where_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.progress_display() as watch:
        assert isinstance(watch, progress.BarProgress)


def test_nothing_for_other_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with progress.progress_display() as watch:
        assert watch is types.no_progress


@pytest.mark.parametrize(
    ("done", "total", "text"), [(0, 5, "0/5"), (4.9, 5, "4/5"), (5, 5, "5/5"), (500, 1000, "50 %"), (1, 3e6, "0 %")]
)
def test_format_progress(done: float, total: float, text: str) -> None:
    assert progress.format_progress(done, total) == text
