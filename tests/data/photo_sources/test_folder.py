from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clothier.data.photo_sources.folder import FolderSource
from clothier.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def files(source: FolderSource) -> list[str]:
    return [item.file for item in source]


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"photo")
    return folder


def test_all_files_sorted_by_path(tmp_path: Path) -> None:
    source = FolderSource(make(tmp_path, "b.jpg", "a/2.PNG", "a/1.jpg", "c", "d.heic", "e.raw"))
    assert files(source) == ["a/1.jpg", "a/2.PNG", "b.jpg", "c", "d.heic", "e.raw"]
    assert len(source) == 6
    assert source.warnings == []
    first = next(iter(source))
    assert (first.key, first.read(), first.item_id) == ("a/1.jpg", b"photo", "")


def test_what_is_no_photo_is_counted_and_clutter_is_not(tmp_path: Path) -> None:
    source = FolderSource(make(tmp_path, "a.jpg", "list.csv", "b/notes.TXT", "c.txt", ".hidden/x.jpg", "@eaDir/a.jpg"))
    assert files(source) == ["a.jpg"]
    (warning,) = source.warnings
    assert warning == f"{tmp_path}: not taken for photos: 1 .csv, 2 .txt, 2 hidden or system files and folders."


def test_excluded_files(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "tags", "tags-wal")
    assert files(FolderSource(tmp_path, [tmp_path / "tags", tmp_path / "tags-wal"])) == ["a.jpg"]


def test_excluded_folders(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", "a.jpg", "inputs/b.jpg", "more/inputs/c.jpg", "table.jpg")
    (photos / "linked").symlink_to(photos / "inputs")
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")
    (tmp_path / "elsewhere").symlink_to(photos)
    excluded = [tmp_path / "elsewhere" / "inputs", tmp_path / "elsewhere" / "table.jpg"]
    source = FolderSource(photos, excluded)
    assert files(source) == ["a.jpg", "more/inputs/c.jpg", "loop.jpg"]
    assert len(source) == 3


def test_the_signature_changes_with_the_file(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    (before,) = FolderSource(tmp_path)
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    (after,) = FolderSource(tmp_path)
    assert before.signature != after.signature


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    make(tmp_path, "real/a.jpg", "photos/b.jpg")
    (tmp_path / "photos/linked").symlink_to(tmp_path / "real")
    (tmp_path / "photos/circle").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/gone.jpg").symlink_to(tmp_path / "nothing")
    source = FolderSource(tmp_path / "photos")
    items = {item.file: item for item in source}
    assert list(items) == ["b.jpg", "gone.jpg", "linked/a.jpg"]
    assert "1 repeated links" in source.warnings[0]
    with pytest.raises(ImageError) as caught:
        items["gone.jpg"].read()
    assert caught.value.code == "not-found"


def test_a_folder_that_cannot_be_listed_is_an_item_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "secret/b.jpg")
    listed = os.scandir

    def refuse(path: Path) -> object:
        if path == tmp_path / "secret":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    _, secret = FolderSource(tmp_path)
    with pytest.raises(ImageError, match="secret cannot be read: Permission denied"):
        secret.read()


def test_a_folder_that_cannot_be_entered_has_items_that_fail(tmp_path: Path, forbid: Callable[[Path], None]) -> None:
    make(tmp_path, "a.jpg", "secret/b.jpg")
    forbid(tmp_path / "secret")
    first, second = FolderSource(tmp_path)
    assert (first.file, first.read(), second.file) == ("a.jpg", b"photo", "secret/b.jpg")
    with pytest.raises(ImageError, match=r"b\.jpg cannot be read: Permission denied"):
        second.read()


def test_names_that_are_not_utf8_are_escaped_and_readable(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"photo")
    (item,) = FolderSource(tmp_path)
    assert (item.file, item.read()) == ("\\xff.jpg", b"photo")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (item,) = FolderSource(tmp_path)
    with pytest.raises(ImageError, match="is not a file"):
        item.read()
