"""Reads a folder of labelled pictures: a subfolder for each class, or ``train/`` and ``test/`` with those in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.photos import load_image
from clothier.errors import DataError, ImageError
from clothier.types import FailedInput, InputSpec, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Progress

TRAIN, TEST = "train", "test"
TEST_DIVISOR = 5  # where there is no test folder, one picture in five is held out
MIN_IMAGES_PER_CLASS = 5  # readable pictures of a class: one to test on and four to learn from and validate with
SPLIT_SEED = 42
INPUT_SPEC = InputSpec()
IGNORED = {"Thumbs.db", "desktop.ini"}  # what desktops leave in folders of pictures


def has_class_folders(folder: Path) -> bool:
    """Whether ``folder`` has subfolders with files in them, directly or under ``train/``."""
    return any(image_files(subfolder) for subfolder in class_folders(_training_root(folder)))


def load_image_folder(folder: Path, *, seed: int = SPLIT_SEED, progress: Progress = no_progress) -> Dataset:
    """Reads every picture below the class folders into the 28x28 view of Fashion-MNIST.

    Where there is no ``test/``, a seeded fifth of each class becomes the test part. Files that cannot be read as
    pictures are named in ``failures`` and left out; folders beside ``train/`` and ``test/`` are named in ``notes``.

    Args:
        folder: with a subfolder for each class, or with ``train/`` and, if wanted, ``test/`` that have those.
        seed: which pictures are held out.
        progress: told of pictures read.

    Raises:
        DataError: fewer than two classes, a class in ``test/`` that ``train/`` has not, or too few readable
            pictures of a class.
    """
    root, test_root = _training_root(folder), folder / TEST
    classes = _class_names(root)
    separate = root != folder and bool(class_folders(test_root))
    learnt, failures = _read_images(root, classes, progress)
    _check_class_sizes(root, classes, learnt, failures)
    if separate:
        _check_test_classes(test_root, classes)
        test, unread = _read_images(test_root, classes, progress)
        train, failures = learnt, failures + unread
    else:
        train, test = _hold_out(learnt, len(classes), seed)
    digests = {TRAIN: train.digest, TEST: test.digest}
    return Dataset(folder.resolve().name, classes, train, test, digests, failures, _unused_folders(folder, root))


def _training_root(folder: Path) -> Path:
    """``folder/train`` when that has folders of its own: a class may be called "train" too."""
    return folder / TRAIN if class_folders(folder / TRAIN) else folder


def class_folders(folder: Path) -> list[Path]:
    """The subfolders that are not hidden, by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def image_files(folder: Path) -> list[Path]:
    """Every file below ``folder`` but hidden ones and clutter, in the order of their paths."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in IGNORED
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _class_names(root: Path) -> tuple[str, ...]:
    classes = tuple(subfolder.name for subfolder in class_folders(root))
    if len(classes) < 2:
        raise DataError(
            f"{root} has {len(classes)} class folder; two or more are needed, each with the pictures of one class."
        )
    return classes


def _read_images(
    root: Path, classes: tuple[str, ...], progress: Progress
) -> tuple[LabeledImages, tuple[FailedInput, ...]]:
    """The pictures of each class in ``root``, and those that could not be read."""
    listing = [(path, label) for label, name in enumerate(classes) for path in image_files(root / name)]
    images, labels, files, failures = [], [], [], []
    for done, (path, label) in enumerate(listing, 1):
        try:
            images.append(load_image(path, INPUT_SPEC))
            labels.append(label)
            files.append(str(path))
        except ImageError as error:
            failures.append(FailedInput(str(path), error.code, str(error)))
        progress(f"reading the pictures in {root.name}", done, len(listing))
    stacked = np.stack(images) if images else np.empty((0, *INPUT_SPEC.shape), np.uint8)
    return LabeledImages(stacked, np.array(labels, np.int64), tuple(files)), tuple(failures)


def _check_class_sizes(
    root: Path, classes: tuple[str, ...], images: LabeledImages, failures: tuple[FailedInput, ...]
) -> None:
    counts = images.class_counts(len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count < MIN_IMAGES_PER_CLASS:
            unread = f" ({len(failures)} files in all could not be read)" if failures else ""
            raise DataError(
                f"{root / name} has {count} readable pictures{unread}; {MIN_IMAGES_PER_CLASS} or more of each class are needed. "
                "Add some, or move the folder away."
            )


def _check_test_classes(test_root: Path, classes: tuple[str, ...]) -> None:
    unknown = [subfolder.name for subfolder in class_folders(test_root) if subfolder.name not in classes]
    if unknown:
        raise DataError(
            f"{test_root} has the class {unknown[0]!r}, which the training pictures have not: "
            f"{', '.join(classes)}. Rename the folder or add training pictures."
        )


def _hold_out(images: LabeledImages, num_classes: int, seed: int) -> tuple[LabeledImages, LabeledImages]:
    """A seeded fifth of each class, at least one picture; numpy alone, so that reading needs no scikit-learn."""
    generator = np.random.default_rng(seed)
    held = np.zeros(len(images), bool)
    for label in range(num_classes):
        places = generator.permutation(np.flatnonzero(images.labels == label))
        held[places[: max(1, round(len(places) / TEST_DIVISOR))]] = True
    return images.subset(np.flatnonzero(~held)), images.subset(np.flatnonzero(held))


def _unused_folders(folder: Path, root: Path) -> tuple[str, ...]:
    if root == folder:
        return ()
    others = [subfolder.name for subfolder in class_folders(folder) if subfolder.name not in {TRAIN, TEST}]
    return tuple(f"{folder / name} is not used: only {TRAIN}/ and {TEST}/ are." for name in others)
