"""Preprocessed images, saved as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier.data.photos.save_input import save_input
from clothier.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_input_is_saved_bit_for_bit_under_the_file_name(tmp_path: Path) -> None:
    for shape in ((28, 28), (16, 16, 3)):
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
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
    with pytest.raises(StorageError, match=rf"a\.jpg.*{tmp_path}/file: File exists"):
        save_input(np.zeros((28, 28), np.uint8), tmp_path / "file", "a.jpg")
