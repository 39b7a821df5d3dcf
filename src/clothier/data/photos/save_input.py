"""What models saw, kept as PNG files for whoever wants to know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from clothier.errors import StorageError

if TYPE_CHECKING:
    from clothier.types import Images


def save_input(image: Images, folder: Path, file: str | Path) -> Path:
    """Writes a view, (H, W) or (H, W, 3), as a PNG named after ``file``.

    No file that is there already is touched: the name gets a number then, such as ``shoe-2.png``.

    Raises:
        StorageError: the folder cannot be made, or the disk refused.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, stream = _create_unique(folder, Path(file).stem)
        with stream:
            Image.fromarray(image).save(stream, "PNG")
    except OSError as error:
        raise StorageError(
            f"cannot keep in {folder} what the model saw of {file}: {error.strerror or error}. Name another folder."
        ) from error
    return path


def _create_unique(folder: Path, stem: str) -> tuple[Path, BinaryIO]:
    """A file that was not there, open for writing."""
    path, number = folder / f"{stem}.png", 1
    while True:
        try:
            return path, path.open("xb")
        except FileExistsError:
            number += 1
            path = folder / f"{stem}-{number}.png"
