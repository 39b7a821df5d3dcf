"""The four IDX files that make a data set, wherever they lie in a folder: MNIST's own names, gzipped or not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from clothier.data import idx
from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clothier.types import Images

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
FILE_NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
LAYOUTS = (".", "raw", "FashionMNIST/raw")  # flat; torchvision's, entered one or two floors up
CLASSES_FILE = "classes.txt"
IMAGE_SIZE = 28  # pixels; what the networks for IDX data take


def find_files(folder: Path) -> dict[str, Path]:
    """The files of :data:`NAMES` that stand together in ``folder`` or in torchvision's layout under it.

    Returns:
        Canonical name to path, for those that are there; empty when none is. A plain file goes before a gzipped one.

    Raises:
        DataError: the folder may not be entered.
    """
    try:
        for layout in LAYOUTS:
            found = {name: path for name in FILE_NAMES if (path := _plain_or_gzipped(folder / layout / name))}
            if found:
                return found
    except PermissionError as error:
        raise DataError(f"{folder} may not be read by this user. Change its permissions or give another.") from error
    return {}


def require_all(found: Mapping[str, Path], folder: Path) -> None:
    """Checks that none of the four files is missing.

    Raises:
        DataError: some are; the sentence names them.
    """
    missing = [name for name in FILE_NAMES if name not in found]
    if missing:
        what = "none of the four data files" if len(missing) == len(FILE_NAMES) else f"no {' and no '.join(missing)}"
        raise DataError(
            f"{folder} holds {what}. Give the folder with {', '.join(FILE_NAMES)}, each as it is or as .gz "
            "(torchvision's FashionMNIST/raw is found too)."
        )


def sha256(content: bytes) -> str:
    """The SHA-256 digest of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def load_idx_dataset(folder: Path, files: Mapping[str, Path], *, any_size: bool = False) -> Dataset:
    """Any data set of four IDX files, as the user vouches for it: KMNIST, or one's own.

    The classes are named by the lines of ``classes.txt`` beside the files, otherwise ``0``, ``1``, ... up to the
    largest label.

    Args:
        folder: its name becomes the name of the data set; of ``KMNIST/raw``, KMNIST.
        files: the four files, canonical name to path, as :func:`find_files` gives them.
        any_size: take pictures that are not 28x28, too.

    Raises:
        DataError: a file is damaged, the parts do not fit together, or the pictures are not 28x28 and ``any_size``
            is not set.
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
    """The part of a data set that two of its files make.

    Raises:
        DataError: they do not belong together; the sentence names them and says whether they are swapped.
    """
    try:
        return LabeledImages(arrays[images], arrays[labels].astype(np.int64))
    except DataError as error:
        raise DataError(f"{images} and {labels} do not fit: {error}") from error


def _plain_or_gzipped(path: Path) -> Path | None:
    gzipped = path.with_name(path.name + ".gz")
    return path if path.is_file() else gzipped if gzipped.is_file() else None


def _dataset_name(folder: Path) -> str:
    """The folder's own name; in torchvision's layout that of the data set, not "raw"."""
    return folder.parent.name if folder.name == "raw" else folder.name


def _check_image_size(folder: Path, split: LabeledImages) -> None:
    height, width = split.images.shape[1:]
    if (height, width) != (IMAGE_SIZE, IMAGE_SIZE):
        raise DataError(
            f"{folder} holds pictures of {height}x{width} pixels; {IMAGE_SIZE}x{IMAGE_SIZE} can be taken. "
            "Scale them, or give them as a folder of pictures with a subfolder for each class."
        )


def _class_names(path: Path, *parts: LabeledImages) -> tuple[str, ...]:
    needed = 1 + max((int(part.labels.max()) for part in parts if len(part)), default=0)
    if not path.is_file():
        return tuple(map(str, range(needed)))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text; one class name a line is needed. Save it as UTF-8.") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) < needed:
        raise DataError(
            f"{path} names {len(names)} classes, and the labels go up to {needed - 1}. "
            f"Write {needed} names into it, one a line, or remove it."
        )
    return names
