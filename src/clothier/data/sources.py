"""Finds or fetches Fashion-MNIST: a user's folder, the cache, the system, the Debian package, Zalando's mirrors.

Every file is verified by its SHA-256 (:mod:`clothier.data.release`). A damaged file in the user's own folder is an
error; in any other source it is a warning, and the next source is tried.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs

from clothier import atomic
from clothier.data import debian, idx, idx_files, mirrors
from clothier.data.class_folders import has_class_folders
from clothier.data.image_folder import load_image_folder
from clothier.data.release import FASHION_MNIST, Release
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clothier.data.dataset import Dataset
    from clothier.data.release import Contents
    from clothier.types import Progress

SourceName = Literal["folder", "cache", "system", "debian", "mirror"]


@dataclass(frozen=True, slots=True)
class VerifiedFiles:
    """The four files of a release, verified.

    Attributes:
        source: where they were found; files from ``debian`` or a ``mirror`` are in the cache now.
        files: canonical name to path.
        contents: canonical name to uncompressed bytes.
        warnings: what was wrong with the sources tried before, one sentence each.
    """

    source: SourceName
    files: Mapping[str, Path]
    contents: Contents
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the four files."""
        return self.files[idx_files.TRAIN_IMAGES].parent


class _SourceNotFoundError(DataError):
    """A source that does not exist here, which needs no warning."""


def open_dataset(
    folder: Path | None = None, *, any_idx: bool = False, any_size: bool = False, progress: Progress = no_progress
) -> Dataset:
    """The data set that ``--data`` names.

    Args:
        folder: None for Fashion-MNIST from any source; or a folder with its four files; or a folder with a subfolder of
            images for each class (:func:`clothier.data.image_folder.load_image_folder`).
        any_idx: accept any four IDX files in ``folder``, such as KMNIST.
        any_size: accept IDX images of other sizes than 28x28. They can be explored, but not used for training.
        progress: called for downloads and for damaged copies.

    Raises:
        DataError: no data, damaged data, or another data set without ``any_idx``.
    """
    if folder is None:
        return load_fashion_mnist(progress=progress)
    _require_folder(folder)
    if files := idx_files.find_files(folder):
        idx_files.require_all(files, folder)
        return _load_custom(folder, files, any_size) if any_idx else _load_release(files, folder)
    if has_class_folders(folder):
        return load_image_folder(folder, progress=progress)
    raise DataError(
        f"{folder} has neither the four files of Fashion-MNIST ({', '.join(idx_files.FILE_NAMES)}; plain or .gz) nor a "
        "subfolder of images for each class. Give a folder with either."
    )


def load_fashion_mnist(
    folder: str | Path | None = None, *, release: Release = FASHION_MNIST, progress: Progress = no_progress
) -> Dataset:
    """Fashion-MNIST in memory: 60,000 and 10,000 images of 28x28, verified. Arguments and errors as :func:`fetch`."""
    found = fetch(Path(folder) if folder else None, release=release, progress=progress)
    return release.dataset(found.contents, found.warnings)


def fetch(
    folder: Path | None = None, *, release: Release = FASHION_MNIST, progress: Progress = no_progress
) -> VerifiedFiles:
    """Finds or downloads the four files of ``release`` and verifies them.

    Args:
        folder: search only here; the files may be gzipped, and in torchvision's layout.
        release: the expected files and their sources.
        progress: called for downloads and for damaged copies.

    Raises:
        DataError: ``folder`` lacks a file or has a different one; or no source has them, each named with its reason.
        StorageError: the cache cannot be written.
    """
    if folder is not None:
        _require_folder(folder)
        files = idx_files.find_files(folder)
        return VerifiedFiles("folder", files, release.read(files, folder))
    source, contents, warnings = _first_valid(release, progress)
    cache_dir = cache_folder(release)
    if source in ("debian", "mirror") or (source == "system" and idx_files.find_files(cache_dir)):
        save_to_cache(contents, release)  # in the second case the cache was damaged
    files = idx_files.find_files(release.system_dir if source == "system" else cache_dir)
    return VerifiedFiles(source, files, contents, warnings)


def cache_folder(release: Release = FASHION_MNIST) -> Path:
    """The release's folder in the user's cache, or under ``$CLOTHIER_CACHE`` if that is set."""
    try:
        root = os.environ.get("CLOTHIER_CACHE") or platformdirs.user_cache_dir("clothier")
    except RuntimeError:  # no home folder, as of an unknown user in a container
        root = str(Path(tempfile.gettempdir()) / f"clothier-{os.getuid()}")
    return Path(root) / release.name.lower()


def save_to_cache(contents: Contents, release: Release = FASHION_MNIST) -> Path:
    """Writes verified contents to the cache and returns its folder; several processes can do this at once.

    The files are not compressed: reading and verifying 55 MB takes less time than decompressing them.
    """
    folder = cache_folder(release)
    for name, content in contents.items():
        atomic.write_bytes(folder / name, content)
    return folder


def _require_folder(folder: Path) -> None:
    try:
        is_folder, is_file = folder.is_dir(), folder.exists()
    except PermissionError as error:  # of a folder above it
        raise idx_files.no_permission(folder) from error
    if not is_folder:
        what = "is a file" if is_file else "does not exist"
        advice = "Check the path."
        if is_file and folder.suffix.lower() == ".csv":
            advice = (
                f"From a table of photos, train a photo model: clothier train photo --data {shlex.quote(str(folder))}"
            )
        raise DataError(f"{folder} {what}; a folder with data is needed. {advice}")


def _load_release(files: Mapping[str, Path], folder: Path) -> Dataset:
    try:
        return FASHION_MNIST.dataset(FASHION_MNIST.read(files, folder))
    except DataError as error:
        raise DataError(f"{error} To read another data set in IDX files, add --any-idx.") from error


def _load_custom(folder: Path, files: Mapping[str, Path], any_size: bool) -> Dataset:
    """Any IDX files; with the name and the classes of Fashion-MNIST if they are its files."""
    dataset = idx_files.load_idx_dataset(folder, files, any_size=any_size)
    if dataset.digests != FASHION_MNIST.digests:
        return dataset
    return replace(dataset, name=FASHION_MNIST.name, classes=FASHION_MNIST_CLASSES)


def _first_valid(release: Release, progress: Progress) -> tuple[SourceName, Contents, tuple[str, ...]]:
    tried: list[str] = []
    warnings: list[str] = []
    for source, label, read in _sources(release, progress):
        try:
            return source, read(), tuple(warnings)
        except _SourceNotFoundError as error:
            tried.append(f"{label}: {error}")
        except DataError as error:
            tried.append(f"{label}: {error}")
            warnings.append(f"skipped the {label}: {error}")
            progress(f"finding {release.name}", 0, 0, warnings[-1])
    reasons = "".join(f"\n  {line}" for line in tried)
    raise DataError(
        f"{release.name} was not found in any source:{reasons}\nPut {', '.join(release.digests)} into a folder, "
        "each plain or as .gz, and run: clothier data --from DIR"
    )


def _sources(release: Release, progress: Progress) -> Iterator[tuple[SourceName, str, Callable[[], Contents]]]:
    """The sources in order: name, label for messages, and how to read it."""
    cache_dir, system_dir = cache_folder(release), release.system_dir
    yield "cache", f"cache ({cache_dir})", partial(_from_folder, cache_dir, release)
    yield "system", f"system's copy ({system_dir})", partial(_from_folder, system_dir, release)
    yield "debian", f"Debian package {release.debian_package}", partial(_from_debian, release, progress)
    for mirror in release.mirrors:
        yield "mirror", f"mirror {mirror}", partial(_from_mirror, mirror, release, progress)


def _from_folder(folder: Path, release: Release) -> Contents:
    files = idx_files.find_files(folder)
    if not files:
        raise _SourceNotFoundError("no data files.")
    return release.read(files, folder)


def _from_debian(release: Release, progress: Progress) -> Contents:
    if missing := debian.missing_tools():
        raise _SourceNotFoundError(f"this system has no {' and no '.join(missing)}.")
    with debian.unpack_package(release.debian_package, progress=progress) as root:
        folder = root / release.system_dir.relative_to("/")
        return release.read(idx_files.find_files(folder), folder)


def _from_mirror(mirror: str, release: Release, progress: Progress) -> Contents:
    contents = {}
    for name in release.digests:
        url = f"{mirror}/{name}.gz"
        contents[name] = idx.gunzip(mirrors.download(url, progress=progress), url)
        release.verify(name, contents[name], url)
    return contents
