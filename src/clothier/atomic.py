"""Atomic writes: a file or a folder is written whole or not at all.

It is written under a temporary name in the same folder, synced to disk, and renamed, which POSIX does in one step.
A full disk leaves the old content. A killed process leaves the old content too, and maybe a ``.NAME.*.part`` beside it,
which :func:`remove_all_leftovers` removes.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import itertools
import json
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clothier.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

DISK_ERRNOS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
"""Errors that only a write can have: quota, file too large, disk full, read-only. The block of a ``with`` may also read
other files and sockets; of its errors, only these are about the file that is being written."""
STDOUT = "-"  # in place of a file's name
RUN_AGAIN = "run the same command again."  # ends the message of a failed write
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.(part|old)")  # name of what a write has not finished


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new binary file that replaces ``path`` when the block ends without an error.

    Raises:
        StorageError: it cannot be written; ``path`` is unchanged. Other errors of the block are not converted.
    """
    tmp = _temporary_path(path, "part")
    with _as_storage_error(path):
        _refuse_devices(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = tmp.open("xb")
    try:
        with _as_storage_error(path, DISK_ERRNOS):
            yield file
        with _as_storage_error(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            tmp.replace(path)
    finally:
        with suppress(OSError):  # on a full disk, flushing the rest of the buffer fails again
            file.close()
        _remove(tmp)


@contextmanager
def replace_dir(path: Path) -> Iterator[Path]:
    """Yields a new empty folder that replaces the folder ``path`` when the block ends without an error.

    Replacing takes two renames. A process killed between them leaves the old folder beside ``path``, as
    ``.NAME.*.old``; a half-written folder never appears at ``path``.

    Raises:
        StorageError: it cannot be written, or ``path`` is a file; ``path`` is unchanged. Other errors of the block are
            not converted.
    """
    tmp = _temporary_path(path, "part")
    with _as_storage_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp.mkdir()
    try:
        with _lock(tmp):
            with _as_storage_error(path, DISK_ERRNOS):
                yield tmp
            with _as_storage_error(path):
                for written in (tmp, *tmp.rglob("*")):
                    _fsync(written)
                _replace(tmp, path)
    finally:
        _remove(tmp)
    _remove_stale(path)


def unique_dir(path: Path) -> Path:
    """Creates an empty folder at ``path``, or at ``path-2``, ``path-3``, ... if that name exists.

    Two processes never get the same folder.

    Raises:
        StorageError: the folder cannot be created.
        UsageError: ``path`` has no name of its own, such as ``.``.
    """
    name = require_name(path)
    numbered = (path.with_name(f"{name}-{number}") for number in itertools.count(2))
    with _as_storage_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return next(one for one in itertools.chain([path], numbered) if _try_mkdir(one))


def check_writable(path: Path) -> None:
    """Checks that a file can be written to ``path``; its folder is created if missing.

    Raises:
        StorageError: it cannot.
    """
    tmp = _temporary_path(path, "part")
    with _as_storage_error(path):
        _refuse_devices(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp.touch(exist_ok=False)
        tmp.unlink()


def remove_leftovers(path: Path) -> None:
    """Removes what killed processes left of ``path``. No other process may be writing it."""
    for tmp in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        _remove(tmp)


def remove_all_leftovers(folder: Path) -> None:
    """Removes what killed processes left of unfinished writes below ``folder``, where nobody else may write now.

    A folder that was being replaced gets its name back.
    """
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path, found = Path(parent, name), _TEMPORARY.fullmatch(name)
            if found and found[2] == "old" and not os.path.lexists(path.with_name(found[1])):
                path.replace(path.with_name(found[1]))
            elif found:
                _remove(path)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path`` atomically."""
    with atomic_open(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Writes ``content`` as UTF-8 to ``path`` atomically."""
    write_bytes(path, encode(content))


def encode(content: str) -> bytes:
    """UTF-8. Bytes of a file name that are not UTF-8, which Python holds as surrogates, are escaped."""
    return content.encode("utf-8", "backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Writes ``content`` as JSON to ``path`` atomically."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """``content`` as indented JSON.

    Raises:
        ValueError: it contains NaN or infinity, which JSON does not have.
    """
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def append_text(path: Path, content: str) -> None:
    """Appends ``content`` as UTF-8 to ``path`` in one write, whole or not at all.

    Raises:
        StorageError: it cannot be written; ``path`` is unchanged.
    """
    line = encode(content)
    with _as_storage_error(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        if file.write(line) != len(line):  # the disk took only a part
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _refuse_devices(path: Path) -> None:
    """A file would take the place of ``/dev/null``, ``/dev/stdout`` or a pipe, for all programs of the machine."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))


def require_name(path: Path) -> str:
    """The name of a new file or folder.

    Raises:
        UsageError: it has none of its own, such as ``.``, or it is ``-``, which stands for standard output elsewhere.
    """
    if path.name in ("", ".."):
        raise UsageError(f"'{path}' is not a name for a new file or folder. Give a name, such as {path / 'new'}.")
    if str(path) == STDOUT:
        raise UsageError(f"'{path}' stands for standard output, which this command does not write to. Give a name.")
    return path.name


def _temporary_path(path: Path, suffix: str) -> Path:
    """An unused name in the folder of ``path``: renaming is atomic only within one file system."""
    return path.with_name(f".{require_name(path)}.{os.urandom(4).hex()}.{suffix}")


def _try_mkdir(path: Path) -> bool:
    with suppress(FileExistsError):
        path.mkdir()
        return True
    return False


def _replace(tmp: Path, path: Path) -> None:
    """Renames ``tmp`` to ``path``. An older folder there gets the name of ``tmp``, or its own again if a step fails."""
    if not os.path.lexists(path):
        tmp.replace(path)
        return
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    old = _temporary_path(path, "old")
    try:
        path.replace(old)
        tmp.replace(path)
    finally:
        if os.path.lexists(old):
            old.replace(tmp if os.path.lexists(path) else path)


def _remove(tmp: Path) -> None:
    """Removes a temporary file or folder if possible; of a symbolic link, only the link."""
    if tmp.is_dir() and not tmp.is_symlink():
        shutil.rmtree(tmp, ignore_errors=True)
    else:
        with suppress(OSError):
            tmp.unlink()


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Locks a folder, unless another process has it; the lock ends with the process. Yields whether it was locked."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_locked = True
    except OSError:
        is_locked = False
    try:
        yield is_locked
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Removes what killed processes left when they replaced the folder ``path``; the living have a lock."""
    for other in path.parent.iterdir():
        found = _TEMPORARY.fullmatch(other.name)
        if found and found[1] == path.name and other.is_dir():
            with suppress(OSError), _lock(other) as is_stale:
                if is_stale:
                    _remove(other)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_storage_error(path: Path, errnos: Collection[int] | None = None) -> Iterator[None]:
    """Converts an OSError, or only one whose number is among ``errnos``."""
    try:
        yield
    except OSError as error:
        if errnos is not None and error.errno not in errnos:
            raise
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}. The old content is unchanged. Free some space or choose another folder, "
            f"then {RUN_AGAIN}"
        ) from error
