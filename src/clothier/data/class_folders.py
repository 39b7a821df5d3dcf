"""Folders with a subfolder of images for each class, and trees that are divided into train/ and test/ above that.

What operating and storage systems put into folders is skipped and counted. Links are followed once.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clothier.data.photo_paths import PHOTO_SUFFIXES
from clothier.errors import DataError
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    FileId = tuple[int, int]  # device and inode

SplitName = Literal["train", "validation", "test"]

SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder names, in lower case, that mean a split and not a class."""

SYSTEM_NAMES = frozenset(
    {
        "#recycle",  # Synology
        "#snapshot",
        "@eadir",  # Synology's thumbnails
        "@recently-snapshot",  # QNAP
        "@recycle",
        "$recycle.bin",  # Windows
        "desktop.ini",
        "ehthumbs.db",
        "recycler",
        "system volume information",
        "thumbs.db",
        "__macosx",  # in zip files of macOS
        "icon\r",
        "lost+found",
        "~snapshot",  # NetApp
    }
)
"""Files and folders, in lower case, that systems put beside images. Names that start with a dot are skipped as well."""


@dataclass(slots=True)
class FolderContent:
    """What is below a folder.

    Attributes:
        files: regular files.
        failures: folders that cannot be read, links to nothing, and devices.
        skipped: files and folders of the system, and links to folders that are read anyway.
    """

    files: list[Path] = field(default_factory=list)
    failures: list[FailedInput] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The files of each class folder.

    Attributes:
        files: class folder name to files, sorted; a folder without files has none.
        failures: as in :class:`FolderContent`.
        warnings: one sentence each.
    """

    files: dict[str, list[Path]]
    failures: tuple[FailedInput, ...]
    warnings: tuple[str, ...]


def read_class_folders(folder: Path, outside: Iterable[Path] = ()) -> ClassFolders:
    """The files below each subfolder of ``folder``. Links into ``outside``, the other splits, are not followed.

    Raises:
        DataError: ``folder`` or a whole class cannot be read.
    """
    subfolders, skipped = _list_folders(folder)
    apart = [path for split in outside for path in (split, *class_folders(split))]
    seen = {_file_id(path) for path in (folder, *folder.resolve().parents, *subfolders, *apart)}
    files, failures = {}, []
    for subfolder in subfolders:
        content = FolderContent(skipped=skipped)
        _walk(subfolder, content, seen)
        if content.failures and not content.files:
            raise DataError(f"No photo of the class {subfolder.name} can be read. {content.failures[0].message}")
        files[subfolder.name] = sorted(content.files)
        failures += content.failures
    warnings = (*_skipped_warning(folder, skipped), *_stray_warning(folder))
    return ClassFolders(files, tuple(failures), warnings)


def class_folders(folder: Path) -> list[Path]:
    """The subfolders of ``folder``, sorted, without those of systems; none if there is no such folder."""
    return _list_folders(folder)[0] if folder.is_dir() else []


def has_class_folders(folder: Path) -> bool:
    """Whether some subfolder of ``folder`` has anything in it."""
    return any(_has_entries(path) for path in class_folders(folder))


def _has_entries(folder: Path) -> bool:
    try:
        return any(True for _ in folder.iterdir())
    except OSError:
        return True  # reading it gives the error


def find_splits(folder: Path) -> dict[SplitName, Path]:
    """The folders of a divided tree with class folders of training, validation and test images; none if it is not one.

    Raises:
        DataError: it is unclear what is a split and what is a class.
    """
    subfolders = class_folders(folder)
    named = [path for path in subfolders if path.name.casefold() in SPLIT_NAMES]
    splits = [path for path in named if class_folders(path)]
    if not splits:
        if len(named) > 1 and len(named) == len(subfolders):
            raise DataError(
                f"{folder} has {_listed(named)}, which have no class folders. Put the images of each class into a "
                f"subfolder, such as {named[0] / 'dress'}; or give a CSV with their labels."
            )
        return {}
    found: dict[SplitName, Path] = {}
    for path in splits:
        if (other := found.setdefault(SPLIT_NAMES[path.name.casefold()], path)) is not path:
            raise DataError(f"{folder} has both {_listed([other, path])}. Move the images into one of them.")
    others = [path for path in subfolders if path not in named]
    if others and not ("train" in found and len(found) > 1):
        raise DataError(
            f"{folder} has {_listed(splits)} beside {_listed(others[:3])}: it is unclear what is a split and what is a "
            "class. Move the class folders into train/ and test/, or rename or move the others."
        )
    return found


def unused_folders(folder: Path, used: Iterable[Path]) -> tuple[str, ...]:
    """A warning for each folder of a divided tree that is not ``used``."""
    unused = [path for path in class_folders(folder) if path not in used]
    return tuple(f"{path} is not used, only {_listed(used)}." for path in unused)


def _listed(folders: Iterable[Path]) -> str:
    return " and ".join(f"{path.name}/" for path in folders)


def _list_folders(folder: Path) -> tuple[list[Path], list[Path]]:
    """The subfolders, sorted, and what was skipped."""
    try:
        entries = list(folder.iterdir())
        skipped = [path for path in entries if is_of_system(path.name)]
        return sorted(path for path in entries if not is_of_system(path.name) and _is_folder(path)), skipped
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read: {error.strerror or error}. Change its permissions or give another folder."
        ) from error


def _is_folder(path: Path) -> bool:
    """Whether it is a folder; a link to nothing that stands where class folders are is an error."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is a link to {path.readlink()}, which does not exist. Restore or remove it."
        ) from error


def is_of_system(name: str) -> bool:
    """Whether a file or folder of this name is one of :data:`SYSTEM_NAMES`, or hidden."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def _walk(folder: Path, content: FolderContent, seen: set[FileId]) -> None:
    """Adds what is below ``folder`` to ``content``; ``seen`` are the folders that are not entered again."""
    folders = [folder]
    while folders:
        current = folders.pop()
        try:
            with os.scandir(current) as entries:  # links last: the folder itself is preferred
                paths = [Path(one) for one in sorted(entries, key=lambda one: (one.is_symlink(), one.name))]
        except OSError as error:
            content.failures.append(not_readable(current, error))
            continue
        for path in paths:
            if is_of_system(path.name):
                content.skipped.append(path)
            elif _add(path, content, seen):
                folders.append(path)


def _add(path: Path, content: FolderContent, seen: set[FileId]) -> bool:
    """Adds a file to ``content``, or says whether ``path`` is a folder to enter."""
    try:
        status = path.stat()
    except OSError as error:
        content.failures.append(not_readable(path, error))
        return False
    if stat.S_ISREG(status.st_mode):
        content.files.append(path)
    elif not stat.S_ISDIR(status.st_mode):
        content.failures.append(FailedInput(str(path), "not-readable", f"{path} is not a file. Remove it."))
    elif (status.st_dev, status.st_ino) in seen:
        content.skipped.append(path)
    else:
        seen.add((status.st_dev, status.st_ino))
        return True
    return False


def not_readable(path: Path, error: OSError) -> FailedInput:
    """Why ``path`` cannot be listed or read; what does not exist is a link to nothing."""
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        message = f"{path} is a link to {path.readlink()}, which does not exist. Fetch the file, or remove the link."
        return FailedInput(str(path), "not-found", message)
    reason = error.strerror or str(error)
    return FailedInput(str(path), "not-readable", f"{path} cannot be read: {reason}. Check its permissions.")


def _file_id(path: Path) -> FileId:
    status = path.stat()
    return status.st_dev, status.st_ino


def _skipped_warning(folder: Path, skipped: list[Path]) -> Iterator[str]:
    if skipped:
        yield (
            f"{len(skipped)} hidden files, files and folders of operating or storage systems, and repeated links in "
            f"{folder} were skipped, such as {skipped[0].relative_to(folder)}."
        )


def _stray_warning(folder: Path) -> Iterator[str]:
    """On photos beside the class folders."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    stray = [name for name in names if not is_of_system(name)]
    if stray:
        yield f"{len(stray)} photos in {folder} are in no class folder and are not used, such as {stray[0]}."
