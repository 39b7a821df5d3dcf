"""What models saw, kept as PNG files."""

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
        view = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        path = save_input(view, tmp_path / "made" / "for it", "photos/shoe.old.jpg")
        with Image.open(path) as kept:
            assert (np.asarray(kept) == view).all()
    assert sorted(one.name for one in (tmp_path / "made" / "for it").iterdir()) == ["shoe.old-2.png", "shoe.old.png"]


def test_no_file_that_is_there_is_touched(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine")
    (tmp_path / "a-2.png").symlink_to(tmp_path / "nowhere")
    assert save_input(np.zeros((28, 28), np.uint8), tmp_path, "a.jpg") == tmp_path / "a-3.png"
    assert (tmp_path / "a.png").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        save_input(np.zeros((28, 28), np.uint8), tmp_path / "file", "a.jpg")
    assert str(caught.value) == (
        f"cannot keep in {tmp_path}/file what the model saw of a.jpg: File exists. Name another folder."
    )
