"""Saves the preprocessed images that models receive, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from clothier.errors import StorageError

if TYPE_CHECKING:
    from clothier.types import Images


def save_input(image: Images, folder: Path, file: str | Path) -> Path:
    """Saves a preprocessed image, (H, W) or (H, W, 3), as a PNG named after ``file``; returns its path.

    Existing files are not overwritten: the name gets a number, such as ``shoe-2.png``.

    Raises:
        StorageError: the folder cannot be created, or the file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, stream = _create_unique(folder, Path(file).stem)
        with stream:
            Image.fromarray(image).save(stream, "PNG")
    except OSError as error:
        raise StorageError(
            f"the input image of {file} cannot be saved in {folder}: {error.strerror or error}. Choose another folder."
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
