"""Bars for a terminal, lines for a log, nothing for other ranks of torchrun."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from clothier import types
from clothier.cli import progress
from clothier.cli.progress_bar import BarProgress

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that a test moves forward."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


class TestLogProgress:
    def test_short_tasks_print_nothing(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in range(4):
            lines("checking", done, 3)
            clock(0.2)
        assert capsys.readouterr().err == ""

    def test_end_is_printed_once_with_the_last_note(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in (0, 1, 2, 3, 3, 3):
            lines("training cnn", done, 3, f"accuracy {done}")
            clock(4)
        assert capsys.readouterr().err == "training cnn: 3/3, accuracy 3, 12 s\n"

    def test_long_tasks_print_every_half_minute(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in range(0, 8_000_000, 1_000_000):
            lines("fetching", done, 10_000_000)
            clock(10)
        assert capsys.readouterr().err == "fetching: 30 %, 30 s\nfetching: 60 %, 60 s\n"

    def test_second_round_is_printed_again(
        self, clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = progress.LogProgress()
        for done in (0, 1, 2, 0, 1, 2):
            lines("evaluating", done, 2)
            clock(5)
        assert capsys.readouterr().err == "evaluating: 2/2, 10 s\n" * 2

    def test_message_without_a_total(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress.LogProgress()("find data", 0, 0, "skipped the cache.")
        assert capsys.readouterr().err == "skipped the cache.\n"


def rendered_lines(*calls: tuple[str, float, float, str], seconds: float) -> str:
    """The last screen of a terminal of 100 columns; some seconds follow each call."""
    terminal = io.StringIO()
    now = [0.0]
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with BarProgress(console=console, auto_refresh=False, get_time=lambda: now[0]) as bars:
        for one in calls:
            bars(*one)
            now[0] += seconds
        terminal.truncate(0)
        bars.refresh()
    return terminal.getvalue()


class TestBarProgress:
    def test_amount_and_note(self) -> None:
        text = rendered_lines(("training cnn", 0, 5, ""), ("training cnn", 3.5, 5, "validation 92.1 %"), seconds=2)
        assert "training cnn" in text
        assert "3/5" in text
        assert "validation 92.1 %" in text

    def test_bar_appears_after_a_second(self) -> None:
        assert "training" not in rendered_lines(("training", 0, 5, ""), ("training", 1, 5, ""), seconds=0.4)

    def test_quick_tasks_never_appear(self) -> None:
        text = rendered_lines(
            ("quick", 0, 1, ""), ("quick", 1, 1, ""), ("slow", 0, 5, ""), ("slow", 1, 5, ""), seconds=0.9
        )
        assert "quick" not in text
        assert "slow" in text

    def test_second_round_has_its_own_bar(self) -> None:
        text = rendered_lines(*(("evaluating", done, 2, "") for done in (0, 2, 0, 1)), seconds=2)
        assert text.count("evaluating") >= 2
        assert "2/2" in text
        assert "1/2" in text

    def test_task_names_are_not_markup(self) -> None:
        assert "[red]" in rendered_lines(("reading [red]", 0, 5, ""), ("reading [red]", 1, 5, ""), seconds=2)


def test_lines_without_a_terminal() -> None:
    with progress.progress_display() as watch:
        assert isinstance(watch, progress.LogProgress)


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.progress_display() as watch:
        assert isinstance(watch, BarProgress)


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
