"""Which photos a page may show: of an item, in a folder that was named, with the content that was tagged."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from clothier.errors import DataError, ImageError
from clothier.store.photo_files import PhotoFiles, PhotoRequest

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"a photo"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a photo, a table, a ZIP file, and a link to a secret beside it."""
    found = tmp_path / "shown"
    (found / "more").mkdir(parents=True)
    (found / "more" / "a.jpg").write_bytes(CONTENT)
    (found / "table.csv").write_text("file\n", encoding="utf-8")
    with zipfile.ZipFile(found / "photos.zip", "w") as file:
        file.writestr("in/b.jpg", CONTENT)
        file.writestr("../c.jpg", CONTENT)
    (tmp_path / "secret.jpg").write_bytes(CONTENT)
    (found / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return found


@pytest.mark.parametrize(
    ("source", "file"),
    [("", "more/a.jpg"), ("more", "a.jpg"), ("table.csv", "more\\A.JPG"), ("photos.zip", "in/b.jpg")],
)
def test_photos_of_every_kind_of_source(folder: Path, source: str, file: str) -> None:
    places = [("/gone", "x.jpg"), (str(folder / source), file)]
    assert PhotoFiles([folder]).read(PhotoRequest(DIGEST, places)) == CONTENT


@pytest.mark.parametrize(
    ("source", "file", "reason"),
    [
        ("shown", "../secret.jpg", "--photos"),
        ("shown", "link.jpg", "--photos"),
        ("shown/table.csv", "{root}/secret.jpg", "--photos"),
        ("shown/table.csv", "../secret.jpg", "--photos"),
        (".", "secret.jpg", "--photos"),
        ("shown/photos.zip", "../c.jpg", "not in its folder"),
        ("shown/photos.zip", "none.jpg", "not in its folder"),
        ("shown", "none.jpg", "not in its folder"),
        ("shown", "more", "not in its folder"),
        ("shown", "a\0b", "--photos"),
        ("shown", "x" * 5_000, "not in its folder"),
        ("shown/more/a.jpg/x", "y", "not in its folder"),
        ("shown/" + "x" * 300, "y", "not in its folder"),  # an error even to look at, as without permission
    ],
)
def test_no_other_file_is_read(folder: Path, source: str, file: str, reason: str) -> None:
    root = folder.parent
    request = PhotoRequest(DIGEST, [(str(root / source), file.format(root=root))])
    with pytest.raises(ImageError, match=reason) as caught:
        PhotoFiles([folder]).read(request)
    assert str(root) not in str(caught.value)


def test_without_folders_nothing_is_shown(folder: Path) -> None:
    with pytest.raises(ImageError, match="--photos"):
        PhotoFiles([]).read(PhotoRequest(DIGEST, [(str(folder), "more/a.jpg")]))


def test_another_content_than_the_tagged_one(folder: Path) -> None:
    (folder / "more" / "a.jpg").write_bytes(b"another")
    with pytest.raises(ImageError, match="another content"):
        PhotoFiles([folder]).read(PhotoRequest(DIGEST, [(str(folder), "more/a.jpg")]))


def test_an_upload(folder: Path) -> None:
    with pytest.raises(ImageError, match="upload"):
        PhotoFiles([folder]).read(PhotoRequest(DIGEST, [("job 5e", "a.jpg")]))


def test_a_zip_file_that_is_the_only_one_shown(folder: Path) -> None:
    archive = folder / "photos.zip"
    files = PhotoFiles([archive])
    assert files.read(PhotoRequest(DIGEST, [(str(archive), "in/b.jpg")])) == CONTENT
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("in/b.jpg", b"another photo")
    with pytest.raises(ImageError, match="another content"):
        files.read(PhotoRequest(DIGEST, [(str(archive), "in/b.jpg")]))


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none"):
        PhotoFiles([tmp_path / "none"])
