"""Preprocessed images, saved as PNG files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier.data.photos.save_input import create_folder, save_input
from clothier.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_input_is_saved_bit_for_bit_under_the_file_name(tmp_path: Path) -> None:
    for shape in ((28, 28), (16, 16, 3)):
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        create_folder(tmp_path / "new" / "folder")
        path = save_input(image, tmp_path / "new" / "folder", "photos/shoe.old.jpg")
        with Image.open(path) as saved:
            assert (np.asarray(saved) == image).all()
    assert sorted(one.name for one in (tmp_path / "new" / "folder").iterdir()) == ["shoe.old-2.png", "shoe.old.png"]


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine")
    (tmp_path / "a-2.png").symlink_to(tmp_path / "nowhere")
    assert save_input(np.zeros((28, 28), np.uint8), tmp_path, "a.jpg") == tmp_path / "a-3.png"
    assert (tmp_path / "a.png").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=f"cannot create {tmp_path}/file: File exists"):
        create_folder(tmp_path / "file")
    with pytest.raises(StorageError, match=rf"a\.jpg.*{tmp_path}/file: Not a directory"):
        save_input(np.zeros((28, 28), np.uint8), tmp_path / "file", "a.jpg")


@pytest.mark.parametrize("character", ["a", "ä", "\U0001f457", "\udce4"])
def test_long_names_are_shortened(tmp_path: Path, character: str) -> None:
    """A file name has up to 255 bytes; that of its input is longer if it has no suffix. Two get different names."""
    names = [character * (255 // len(os.fsencode(character))) for _ in range(2)]
    paths = [save_input(np.zeros((28, 28), np.uint8), tmp_path, name) for name in names]
    assert len(set(paths)) == 2
    assert all(path.is_file() and path.name.startswith(character * 20) for path in paths)


@pytest.mark.file_size(60)
def test_nothing_is_left_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"a\.jpg.*File too large"):
        save_input(np.zeros((28, 28), np.uint8), tmp_path, "a.jpg")
    assert list(tmp_path.iterdir()) == []
