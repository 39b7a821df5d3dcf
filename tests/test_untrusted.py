"""Only regular files of a bounded size are read; names that become paths are checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clothier import untrusted


def test_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert untrusted.read_bytes(tmp_path / "file", 5) == b"12345"
    assert untrusted.read_bytes(tmp_path / "link", 5) == b"12345"


def test_a_larger_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(OSError, match="larger than the limit of 4 bytes"):
        untrusted.read_bytes(tmp_path / "file", 4)


def test_a_fifo_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        untrusted.read_bytes(tmp_path / "fifo", 5)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device(path: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        untrusted.read_bytes(Path(path), 5)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        untrusted.read_bytes(tmp_path, 5)
    with pytest.raises(FileNotFoundError):
        untrusted.read_bytes(tmp_path / "none", 5)


@pytest.mark.parametrize("name", ["photo", "my shop 2", "Größe", "cnn-fast", "写真"])
def test_names_of_files(name: str) -> None:
    assert untrusted.is_file_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../x", "/x", "a/b", "a\\b", ".hidden", "a\nb", "\x1b[2J", "\ud800", "x" * 101]
)
def test_names_that_are_refused(name: str) -> None:
    assert not untrusted.is_file_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("写真 ± 5\N{NO-BREAK SPACE}%", "写真 ± 5\N{NO-BREAK SPACE}%"),
        ("a\x1b[31mb\n", r"a\x1b[31mb\n"),
        ("caf\udce9", r"caf\udce9"),
        ("\u202egnp", r"\u202egnp"),
    ],
)
def test_what_cannot_be_shown_is_escaped(text: str, shown: str) -> None:
    assert untrusted.printable(text) == shown
    assert untrusted.is_text(shown)


@pytest.mark.parametrize(
    "text", ["=1+1", "'=1+1", "@x", "-a", "+49 1", "\t=", "\n=1", "\N{FULLWIDTH EQUALS SIGN}1", "''-x"]
)
def test_a_cell_that_a_spreadsheet_would_execute_is_a_text_and_comes_back(text: str) -> None:
    assert untrusted.disarm_cell(text) == f"'{text}"
    assert untrusted.read_cell(f"'{text}") == text


@pytest.mark.parametrize("value", ["a=1", "-1.5", "+2", "", "'a", "1", 5, -1.5, None])
def test_other_cells_are_unchanged(value: object) -> None:
    assert untrusted.disarm_cell(value) == value
    assert untrusted.read_cell(str(value)) == str(value)


def test_repeated_names_of_many_are_found_at_once() -> None:
    names = [str(number) for number in range(300_000)]  # comparing each with each takes hours
    assert untrusted.repeated(names) == []
    assert untrusted.repeated([*names, "7", "7", "5"]) == ["5", "7"]
