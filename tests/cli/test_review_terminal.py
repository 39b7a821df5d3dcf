"""Keys in a terminal: what a person types by mistake reviews nothing."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue.review.desk import ReviewDesk
from clothier.cli import review_terminal
from clothier.store import open_store
from tests.stored_items import fill_store, item, item_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.store import Store

ITEMS = ("i1", "i2", "i3", "i4")
GLANCE = review_terminal.GLANCE
PAUSE = review_terminal.PAUSE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "tags.db")) as opened:
        fill_store(opened, *(item_row(name, decision="review", probability=0.5) for name in ITEMS))
        yield opened


@pytest.fixture
def type_keys(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Reviews in a terminal in which a person types each text and then waits; what was done."""
    controller, terminal = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(terminal, encoding="utf-8"))

    def type_texts(texts: tuple[tuple[str, float], ...]) -> None:
        while termios.tcgetattr(terminal)[3] & termios.ICANON:
            time.sleep(0.01)
        time.sleep(2 * GLANCE)
        for text, seconds in texts:
            os.write(controller, text.encode())
            time.sleep(seconds)

    def go(*texts: tuple[str, float]) -> dict[str, int]:
        desk = ReviewDesk(store, "anna")
        person = threading.Thread(target=type_texts, args=(texts,))
        person.start()
        review_terminal.review_in_terminal(desk)
        person.join()
        return {kind: n for kind, n in desk.counts.items() if n}

    yield go
    sys.stdin.close()
    os.close(controller)


def test_an_answer_for_each_photo(type_keys: Any, store: Store) -> None:
    assert type_keys(("a", 2 * GLANCE), ("3", 2 * GLANCE), ("q", 0)) == {"accepted": 1, "corrected": 1}
    assert [item(store, name)["reviewed_class"] for name in ITEMS] == ["dress", "coat", None, None]


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_a_name_that_begins_with_no_key(type_keys: Any, seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    """However slowly it is typed: `hat` accepted the photo."""
    assert type_keys(*((key, seconds) for key in "ha"), ("t", 1.5 * PAUSE), ("q", 0)) == {}
    shown = capsys.readouterr().err
    assert shown.count("No such key. a accept") == 1
    assert "known:" not in shown, "names cannot be typed"


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_a_name_that_begins_with_a_key(type_keys: Any, seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Only its first letter counts: `sandal` skipped one photo, accepted the next, and so on."""
    assert type_keys(*((key, seconds) for key in "sanda"), ("l", 1.5 * PAUSE), ("q", 0)) == {"skipped": 1}
    assert "Keys within 0.3 s of a new photo, and those that follow, are ignored." in capsys.readouterr().err


def test_a_key_that_is_held(type_keys: Any) -> None:
    assert type_keys(*[("a", 0.03)] * 40, ("", 1.5 * PAUSE), ("q", 0)) == {"accepted": 1}


def test_keys_of_the_page_of_classes(type_keys: Any) -> None:
    """They are no answers to a photo: `m` and a number may follow each other at once."""
    assert type_keys(("mm2", 2 * GLANCE), ("q", 0)) == {"corrected": 1}


def test_the_end_of_the_input(type_keys: Any) -> None:
    assert type_keys(("\x04", 0)) == {}


def test_lines_without_a_terminal(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line may be a class's name, and lines come at once."""
    monkeypatch.setattr("sys.stdin", io.StringIO("hat\na\n\n3\nno such\nq\n"))
    desk = ReviewDesk(store, "anna")
    review_terminal.review_in_terminal(desk)
    assert {kind: n for kind, n in desk.counts.items() if n} == {"corrected": 2, "accepted": 1}
