"""Data sets in four IDX files with MNIST's file names, gzipped or not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from clothier.data import idx
from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import DataError
from clothier.untrusted import printable, read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clothier.types import Images

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
FILE_NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
LAYOUTS = (".", "raw", "FashionMNIST/raw")  # flat, or torchvision's layout from one of its outer folders
CLASSES_FILE = "classes.txt"
MAX_CLASSES_BYTES = 1 << 20  # of that file
IMAGE_SIZE = 28  # pixels; the input of the networks


def find_files(folder: Path) -> dict[str, Path]:
    """The files of :data:`FILE_NAMES` in ``folder``, directly or in torchvision's layout.

    Returns:
        Canonical name to path, for those that exist. A plain file is preferred to a gzipped one.

    Raises:
        DataError: no permission to read the folder.
    """
    try:
        for layout in LAYOUTS:
            found = {name: path for name in FILE_NAMES if (path := _find(folder / layout / name))}
            if found:
                return found
    except PermissionError as error:
        raise no_permission(folder) from error
    return {}


def no_permission(folder: Path) -> DataError:
    """The error of a folder that this user may not read."""
    return DataError(f"{folder} cannot be read: Permission denied. Change its permissions or give another folder.")


def require_all(found: Mapping[str, Path], folder: Path) -> None:
    """DataError with the names of the missing files, unless all four were found."""
    missing = [name for name in FILE_NAMES if name not in found]
    if missing:
        what = "none of the four data files" if len(missing) == len(FILE_NAMES) else f"no {' and no '.join(missing)}"
        raise DataError(
            f"{folder} has {what}. Give the folder with {', '.join(FILE_NAMES)}, each plain or as .gz "
            "(torchvision's FashionMNIST/raw is found too)."
        )


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def load_idx_dataset(folder: Path, files: Mapping[str, Path], *, any_size: bool = False) -> Dataset:
    """Any data set in four IDX files, such as KMNIST.

    The class names are the lines of ``classes.txt`` beside the files, otherwise ``0``, ``1``, ... up to the largest
    label.

    Args:
        folder: its name is the name of the data set; for ``KMNIST/raw``, KMNIST.
        files: canonical name to path, as :func:`find_files` returns them.
        any_size: accept images that are not 28x28.

    Raises:
        DataError: a file is damaged, the files do not fit together, or the images are not 28x28.
    """
    contents = {name: idx.read_uncompressed(path) for name, path in files.items()}
    arrays = {name: idx.decode(content, str(files[name])) for name, content in contents.items()}
    train = labeled_images(arrays, TRAIN_IMAGES, TRAIN_LABELS)
    test = labeled_images(arrays, TEST_IMAGES, TEST_LABELS)
    if not any_size:
        _check_image_size(folder, train)
    digests = {name: sha256(content) for name, content in contents.items()}
    classes = _class_names(files[TRAIN_IMAGES].parent / CLASSES_FILE, train, test)
    return Dataset(_dataset_name(folder.resolve()), classes, train, test, digests)


def labeled_images(arrays: Mapping[str, Images], images: str, labels: str) -> LabeledImages:
    """The images and the labels of two files; DataError with their names if they do not fit together."""
    try:
        return LabeledImages(arrays[images], arrays[labels].astype(np.int64))
    except DataError as error:
        raise DataError(f"{images} and {labels} do not fit: {error}") from error


def _find(path: Path) -> Path | None:
    """The file, gzipped or not; also ``train-images.idx3-ubyte``, as 7-zip and Kaggle name it."""
    dotted = path.with_name(path.name.replace("-idx", ".idx"))
    candidates = (path, path.with_name(f"{path.name}.gz"), dotted, dotted.with_name(f"{dotted.name}.gz"))
    return next((one for one in candidates if one.is_file()), None)


def _dataset_name(folder: Path) -> str:
    return printable(folder.parent.name if folder.name == "raw" else folder.name)  # torchvision's layout


def _check_image_size(folder: Path, split: LabeledImages) -> None:
    height, width = split.images.shape[1:]
    if (height, width) != (IMAGE_SIZE, IMAGE_SIZE):
        raise DataError(
            f"{folder} has images of {height}x{width} pixels; {IMAGE_SIZE}x{IMAGE_SIZE} is needed. "
            "Scale them, or give a folder with a subfolder of image files for each class."
        )


def _class_names(path: Path, *splits: LabeledImages) -> tuple[str, ...]:
    needed = 1 + max((int(split.labels.max()) for split in splits if len(split)), default=0)
    if not path.exists():
        return tuple(map(str, range(needed)))
    try:
        lines = read_bytes(path, MAX_CLASSES_BYTES).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check its permissions, or remove it.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text. Save it as UTF-8, one class name a line.") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) < needed:
        raise DataError(
            f"{path} names {len(names)} classes, but the labels go up to {needed - 1}. "
            f"Write {needed} names into it, one a line, or remove it."
        )
    return names
