"""Finds Fashion-MNIST, or fetches it: a folder given by the user, the cache, the system, Debian, Zalando's mirrors.

Whatever the source, every byte is verified before it is believed (:mod:`clothier.data.release`). A damaged file in
the user's own folder is an error; elsewhere it is noted and the next source is tried.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs

from clothier import atomic
from clothier.data import debian, idx, idx_files, mirrors
from clothier.data.image_folder import has_class_folders, load_image_folder
from clothier.data.release import ANY_IDX_HINT, FASHION_MNIST, REPLACE_FILE_HINT, Release
from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clothier.data.dataset import Dataset
    from clothier.data.release import Contents
    from clothier.types import Progress

SourceName = Literal["folder", "cache", "system", "debian", "mirror"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One verified file: canonical ``name``, where it lies, its size there in bytes, digest of its plain bytes."""

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DatasetLocation:
    """Where Fashion-MNIST lies, whole.

    Attributes:
        source: where it was found; what ``debian`` or a ``mirror`` gave lies in the cache now.
        folder: the folder of the four files.
        files: the four files.
        warnings: what was wrong with the sources before it, a sentence each; for the user's eyes.
    """

    source: SourceName
    folder: Path
    files: tuple[DataFile, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedFiles:
    """Where it lies, and the verified bytes: canonical file name to uncompressed content."""

    location: DatasetLocation
    contents: Contents


class _SourceNotFoundError(DataError):
    """A source that is not there at all, which is no news to anybody."""


def open_dataset(
    folder: Path | None = None, *, any_idx: bool = False, any_size: bool = False, progress: Progress = no_progress
) -> Dataset:
    """What ``--data`` means.

    Args:
        folder: None for Fashion-MNIST, from wherever it can be had; or a folder with its four files; or one with a
            subfolder of pictures for each class (:func:`clothier.data.image_folder.load_image_folder`).
        any_idx: take the four IDX files of ``folder`` as they are: KMNIST, or the user's own.
        any_size: take IDX pictures of other sizes than 28x28, too: to look at, as no network here takes them.
        progress: told of downloads, and of damaged copies that were passed over.

    Raises:
        DataError: there is no such data, or it is damaged, or foreign and ``any_idx`` is not set.
    """
    if folder is None:
        return load_fashion_mnist(progress=progress)
    _require_folder(folder)
    files = idx_files.find_files(folder)
    if files and any_idx:
        return _load_custom(folder, files, any_size)
    if files:
        obtained = _read_folder(folder, FASHION_MNIST, ANY_IDX_HINT)
        return FASHION_MNIST.dataset(obtained.contents)
    if has_class_folders(folder):
        return load_image_folder(folder, progress=progress)
    raise DataError(
        f"{folder} holds neither the four files of Fashion-MNIST ({', '.join(idx_files.FILE_NAMES)}; as they are or as "
        ".gz) nor a subfolder of pictures for each class. Give a folder with either."
    )


def load_fashion_mnist(
    folder: Path | None = None, *, release: Release = FASHION_MNIST, progress: Progress = no_progress
) -> Dataset:
    """Fashion-MNIST in memory: 60,000 and 10,000 pictures of 28x28, verified. See :func:`obtain` for the rest."""
    obtained = fetch(folder, release=release, progress=progress)
    return release.dataset(obtained.contents, obtained.location.warnings)


def locate_fashion_mnist(
    folder: Path | None = None, *, release: Release = FASHION_MNIST, progress: Progress = no_progress
) -> DatasetLocation:
    """Where Fashion-MNIST lies, verified, and fetched if need be. See :func:`obtain` for the rest."""
    return fetch(folder, release=release, progress=progress).location


def fetch(
    folder: Path | None = None, *, release: Release = FASHION_MNIST, progress: Progress = no_progress
) -> VerifiedFiles:
    """Finds or fetches the four files of ``release`` and verifies them.

    Args:
        folder: where to look instead of everywhere: flat or in torchvision's layout, gzipped or not.
        release: which bytes are wanted, and where they may be had.
        progress: told of downloads, and of damaged copies that were passed over.

    Raises:
        DataError: ``folder`` lacks a file or has another than the release's; or no source has them, in which case
            the sentence lists each with its reason.
        StorageError: what was fetched cannot be cached.
    """
    if folder is not None:
        _require_folder(folder)
        return _read_folder(folder, release, REPLACE_FILE_HINT)
    source, contents, notes = _first_valid(release, progress)
    cache = cache_folder(release)
    if source in ("debian", "mirror") or (source == "system" and idx_files.find_files(cache)):
        save_to_cache(contents, release)  # the second case heals a damaged cache
    lies = release.system_dir if source == "system" else cache
    return VerifiedFiles(_location(source, lies, release, notes), contents)


def cache_folder(release: Release = FASHION_MNIST) -> Path:
    """The release's folder in the user's cache, or under ``$CLOTHIER_CACHE`` when that is set."""
    root = os.environ.get("CLOTHIER_CACHE") or platformdirs.user_cache_dir("clothier")
    return Path(root) / release.name.lower()


def save_to_cache(contents: Contents, release: Release = FASHION_MNIST) -> Path:
    """Writes verified contents to the cache and returns its folder.

    Each file is renamed into place whole, so two processes that do this at once do no harm. They are not
    compressed: 55 MB are read and verified in the time that gunzipping alone would take.

    Raises:
        StorageError: the disk refused.
    """
    folder = cache_folder(release)
    for name, content in contents.items():
        atomic.write_bytes(folder / name, content)
    return folder


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}; a folder with data is needed. Check the path.")


def _load_custom(folder: Path, files: Mapping[str, Path], any_size: bool) -> Dataset:
    """The IDX files as they are; under its own name if they are Fashion-MNIST after all."""
    idx_files.require_all(files, folder)
    dataset = idx_files.load_idx_dataset(folder, files, any_size=any_size)
    if dataset.digests != FASHION_MNIST.digests:
        return dataset
    return FASHION_MNIST.dataset(_read_folder(folder, FASHION_MNIST, REPLACE_FILE_HINT).contents)


def _read_folder(folder: Path, release: Release, hint: str) -> VerifiedFiles:
    files = idx_files.find_files(folder)
    contents = release.read(files, folder, hint)
    return VerifiedFiles(_location("folder", folder, release, ()), contents)


def _location(source: SourceName, folder: Path, release: Release, warnings: tuple[str, ...]) -> DatasetLocation:
    files = idx_files.find_files(folder)
    return DatasetLocation(
        source=source,
        folder=files[idx_files.TRAIN_IMAGES].parent,
        files=tuple(
            DataFile(name, files[name], files[name].stat().st_size, digest) for name, digest in release.digests.items()
        ),
        warnings=warnings,
    )


def _first_valid(release: Release, progress: Progress) -> tuple[SourceName, Contents, tuple[str, ...]]:
    """The first source that has all of it, and notes on those before it that had some of it."""
    tried: list[str] = []
    notes: list[str] = []
    for source, place, read in _sources(release, progress):
        try:
            return source, read(), tuple(notes)
        except _SourceNotFoundError as error:
            tried.append(f"{place}: {error}")
        except DataError as error:
            tried.append(f"{place}: {error}")
            notes.append(f"passed over the {place}: {error}")
            progress(f"finding {release.name}", 0, 0, notes[-1])
    reasons = "".join(f"\n  {line}" for line in tried)
    raise DataError(
        f"{release.name} could not be found or fetched:{reasons}\nPut {', '.join(release.digests)} into a folder, "
        "each as it is or as .gz, and run: clothier data --from DIR"
    )


def _sources(release: Release, progress: Progress) -> Iterator[tuple[SourceName, str, Callable[[], Contents]]]:
    """Where to look, in order: the source's name, words for it, and how to read it."""
    cache, system = cache_folder(release), release.system_dir
    yield "cache", f"cache ({cache})", partial(_read_local, cache, release)
    yield "system", f"system's copy ({system})", partial(_read_local, system, release)
    yield "debian", f"Debian package {release.debian_package}", partial(_from_debian, release, progress)
    for mirror in release.mirrors:
        yield "mirror", f"mirror {mirror}", partial(_from_mirror, mirror, release, progress)


def _read_local(folder: Path, release: Release) -> Contents:
    files = idx_files.find_files(folder)
    if not files:
        raise _SourceNotFoundError("no data files there.")
    return release.read(files, folder)


def _from_debian(release: Release, progress: Progress) -> Contents:
    if debian.missing_tools():
        raise _SourceNotFoundError(f"this system has no {' and no '.join(debian.missing_tools())}.")
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
