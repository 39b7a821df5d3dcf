"""Files and folders that appear whole or not at all.

Everything that Clothier writes and would be sorry to find half written goes through here: it is made under a
temporary name beside its place, forced to the disk, and then renamed, which POSIX does in one step. A full disk
or a kill in the middle leaves what was there before; a kill may leave its draft beside it, as ``.NAME.*.part``.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import json
import os
import shutil
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from clothier.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

DISK_ERRNOS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
"""What only a write can fail with: quota, file too large, disk full, read-only. In a caller's block, which may read
files and sockets of its own, these alone are the disk's word on what is being written."""

_AT_FDCWD = -100  # AT_FDCWD of <fcntl.h>: names are relative to the working folder
_RENAME_EXCHANGE = 2  # RENAME_EXCHANGE of <linux/fs.h>


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new binary file that takes the place of ``path`` when the block ends without an error.

    Raises:
        StorageError: the disk refused; ``path`` is as it was. Other errors of the block pass as they are.
    """
    draft = _temporary_path(path, "part")
    with _as_storage_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = draft.open("xb")
    try:
        with _as_storage_error(path, DISK_ERRNOS):
            yield file
        with _as_storage_error(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            draft.replace(path)
    finally:
        with suppress(OSError):  # a full disk refuses what the buffer still holds a second time
            file.close()
        _remove(draft)


@contextmanager
def replace_dir(path: Path) -> Iterator[Path]:
    """Yields a new empty folder that takes the place of the folder ``path`` when the block ends without an error.

    Linux exchanges the two in one step. Where the system or the file system cannot (macOS, some network ones), the
    old folder steps aside first, and a kill just then leaves it beside its place, as ``.NAME.*.old``.

    Raises:
        StorageError: the disk refused, or ``path`` is a file; it is as it was. Other errors of the block pass as
            they are.
    """
    draft = _temporary_path(path, "part")
    with _as_storage_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
    try:
        with _as_storage_error(path, DISK_ERRNOS):
            yield draft
        with _as_storage_error(path):
            for made in (draft, *draft.rglob("*")):
                _fsync(made)
            _replace(draft, path)
    finally:
        _remove(draft)


def unique_dir(path: Path) -> Path:
    """Makes an empty folder at ``path``, or at ``path-2``, ``path-3``, ... when that name is taken.

    Two processes that ask at once get two folders.

    Raises:
        StorageError: the disk refused.
        UsageError: ``path`` is a place without a name, such as ``.``.
    """
    name = _require_name(path)
    numbered = (path.with_name(f"{name}-{number}") for number in itertools.count(2))
    with _as_storage_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return next(place for place in itertools.chain([path], numbered) if _try_mkdir(place))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path``, whole or not at all."""
    with atomic_open(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Writes ``content`` as UTF-8 to ``path``, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes ``content`` as :func:`json_text` to ``path``, whole or not at all."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """``content`` as indented JSON. NaN is refused (ValueError): JSON has none."""
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def append_text(path: Path, content: str) -> None:
    """Adds ``content`` as UTF-8 to the end of ``path``, in one write, whole or not at all.

    Raises:
        StorageError: the disk refused; ``path`` is as it was.
    """
    line = content.encode()
    with _as_storage_error(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        if file.write(line) != len(line):  # the disk had room for a part of it
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _require_name(path: Path) -> str:
    if path.name in ("", ".."):
        raise UsageError(f"'{path}' is a place and no name for something new; give a name, such as {path / 'new'}.")
    return path.name


def _temporary_path(path: Path, suffix: str) -> Path:
    """A name that nobody has, in the folder of ``path``: renaming works within one file system only."""
    return path.with_name(f".{_require_name(path)}.{os.urandom(4).hex()}.{suffix}")


def _try_mkdir(path: Path) -> bool:
    """Makes the folder ``path``, if the name is free."""
    with suppress(FileExistsError):
        path.mkdir()
        return True
    return False


def _replace(tmp: Path, path: Path) -> None:
    """Puts ``tmp`` in the place of ``path``; an older folder there comes to lie under the name of ``tmp``."""
    if not os.path.lexists(path):
        tmp.replace(path)
    elif not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    elif not _rename_exchange(tmp, path):
        _rename_fallback(tmp, path)


def _rename_exchange(first: Path, second: Path) -> bool:
    """Exchanges two names in one step (Linux 3.15, glibc 2.28); False where that cannot be had."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    failed: int = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return not failed


def _rename_fallback(tmp: Path, path: Path) -> None:
    """What :func:`_exchange` does, in three steps; whatever stops them, the old folder is kept."""
    old = _temporary_path(path, "old")
    try:
        path.replace(old)
        tmp.replace(path)
    finally:
        if os.path.lexists(old):
            old.replace(tmp if os.path.lexists(path) else path)


def _remove(tmp: Path) -> None:
    """Removes what is left under a draft's name, if the disk lets us; of a link, the link alone."""
    if tmp.is_dir() and not tmp.is_symlink():
        shutil.rmtree(tmp, ignore_errors=True)
    else:
        with suppress(OSError):
            tmp.unlink()


def _fsync(path: Path) -> None:
    """Forces a file or the list of a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_storage_error(path: Path, errnos: Collection[int] | None = None) -> Iterator[None]:
    """Turns an OSError into a sentence on ``path``: any, or those whose number is among ``errnos``."""
    try:
        yield
    except OSError as error:
        if errnos is not None and error.errno not in errnos:
            raise
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}. What was there before is untouched; make room or choose another "
            "folder, then run the same command again."
        ) from error
