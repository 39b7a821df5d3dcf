from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from clothier.data.columns import Columns
from clothier.data.photo_csv import read_rows
from clothier.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

NFC, NFD = (unicodedata.normalize(form, "größe/müll.jpg") for form in ("NFC", "NFD"))


def table(folder: Path, *names: str) -> Path:
    rows = "".join(f'"{name}",hat\n' for name in names)
    (folder / "labels.csv").write_text("file,label\n" + rows, encoding="utf-8")
    return folder / "labels.csv"


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("photos/a1.jpg", "photos\\a1.jpg"),
        ("photos/a1.jpg", "Photos/A1.JPG"),
        ("photos/a1.jpg", "photos/a1"),
        ("photos/a1.jpg", ".\\photos\\.\\A1"),
        ("images/a1.jpg", "A1"),
        (NFC, NFD),
        (NFD, NFC),
        (NFD, NFC.upper().replace("SS", "ß")),
    ],
)
def test_another_spelling_is_found_and_said(tmp_path: Path, name: str, written: str) -> None:
    fill(tmp_path, name, "photos/b1.jpg", "photos/a1.txt")
    path = table(tmp_path, written)
    found = read_rows(path, Columns())
    assert [row.file for row in found.rows] == [str(tmp_path / name)]
    assert any(
        f"1 files of {path} were found under another spelling, such as {written} as {tmp_path / name}." == one
        for one in found.warnings
    )


def test_an_absolute_path(tmp_path: Path) -> None:
    fill(tmp_path, "deep/a1.jpg")
    path = table(tmp_path, f"{tmp_path}/DEEP/a1")
    assert [row.file for row in read_rows(path, Columns()).rows] == [str(tmp_path / "deep/a1.jpg")]


def test_the_exact_name_is_preferred(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "A.jpg", "images/a.JPG")
    found = read_rows(table(tmp_path, "A.jpg"), Columns())
    assert [row.file for row in found.rows] == [str(tmp_path / "A.jpg")]
    assert not any("spelling" in one for one in found.warnings)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("B.JPG", "is ambiguous: it may be {0}/b.Jpg or {0}/b.jpg"),
        ("c", "is ambiguous: it may be {0}/c.jpeg or {0}/c.png"),
        ("https://shop.example/a.jpg", "is a URL, and Clothier opens files only. Download it"),
        ("link.jpg", "is neither beside the CSV nor in images/ there"),
        ("gone/a.jpg", "is neither beside the CSV nor in images/ there"),
    ],
)
def test_failures(tmp_path: Path, name: str, reason: str) -> None:
    fill(tmp_path, "a.jpg", "b.jpg", "b.Jpg", "c.png", "c.jpeg")
    (tmp_path / "link.jpg").symlink_to("nothing.jpg")
    path = table(tmp_path, "a.jpg", name)
    (failure,) = read_rows(path, Columns()).failures
    assert (failure.file, failure.code) == (name, "not-found")
    assert f"{name} (line 3 of {path}) {reason.format(tmp_path)}" in failure.message


def test_the_cause_when_every_file_is_missing(tmp_path: Path) -> None:
    path = table(tmp_path, "gone/1.jpg", "gone/2.jpg")
    with pytest.raises(DataError, match=rf"none of the 2 photos of {path} was found. The first: gone/1.jpg \(line 2"):
        read_rows(path, Columns())
