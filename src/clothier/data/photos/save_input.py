"""Saves the preprocessed images that models receive, as PNG files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from clothier.errors import StorageError

if TYPE_CHECKING:
    from clothier.types import Images

MAX_NAME_BYTES = 200  # of a name without its suffix; file systems allow 255 with it


def create_folder(folder: Path) -> None:
    """Creates the folder for the images if it does not exist.

    Raises:
        StorageError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create {folder}: {error.strerror or error}. Choose another folder.") from error


def save_input(image: Images, folder: Path, file: str | Path) -> Path:
    """Saves a preprocessed image, (H, W) or (H, W, 3), as a PNG named after ``file``; returns its path.

    Existing files are not overwritten: the name gets a number, such as ``shoe-2.png``. A very long name is shortened.

    Raises:
        StorageError: the file cannot be written. Nothing is left of it.
    """
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    stem = Path(file).stem
    while len(os.fsencode(stem)) > MAX_NAME_BYTES:
        stem = stem[:-1]
    try:
        path, stream = _create_unique(folder, stem)
        try:
            with stream:
                stream.write(content.getbuffer())
        except OSError:
            path.unlink()
            raise
    except OSError as error:
        raise StorageError(
            f"the input image of {file} cannot be saved in {folder}: {error.strerror or error}. Free some space or "
            "choose another folder."
        ) from error
    return path


def _create_unique(folder: Path, stem: str) -> tuple[Path, BinaryIO]:
    path, number = folder / f"{stem}.png", 1
    while True:
        try:
            return path, path.open("xb")
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-{number}.png"
