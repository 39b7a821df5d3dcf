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

REFUSALS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
"""What only a write can fail with: quota, file too large, disk full, read-only. In a caller's block, which may read
files and sockets of its own, these alone are the disk's word on what is being written."""

_HERE = -100  # AT_FDCWD of <fcntl.h>: names are relative to the working folder
_EXCHANGE = 2  # RENAME_EXCHANGE of <linux/fs.h>


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new binary file that takes the place of ``path`` when the block ends without an error.

    Raises:
        StorageError: the disk refused; ``path`` is as it was. Other errors of the block pass as they are.
    """
    draft = _beside(path, "part")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = draft.open("xb")
    try:
        with _explained(path, REFUSALS):
            yield file
        with _explained(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            draft.replace(path)
    finally:
        with suppress(OSError):  # a full disk refuses what the buffer still holds a second time
            file.close()
        _discard(draft)


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Yields a new empty folder that takes the place of the folder ``path`` when the block ends without an error.

    Linux exchanges the two in one step. Where the system or the file system cannot (macOS, some network ones), the
    old folder steps aside first, and a kill just then leaves it beside its place, as ``.NAME.*.old``.

    Raises:
        StorageError: the disk refused, or ``path`` is a file; it is as it was. Other errors of the block pass as
            they are.
    """
    draft = _beside(path, "part")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
    try:
        with _explained(path, REFUSALS):
            yield draft
        with _explained(path):
            for made in (draft, *draft.rglob("*")):
                _settle(made)
            _swap(draft, path)
    finally:
        _discard(draft)


def new_folder(path: Path) -> Path:
    """Makes an empty folder at ``path``, or at ``path-2``, ``path-3``, ... when that name is taken.

    Two processes that ask at once get two folders.

    Raises:
        StorageError: the disk refused.
        UsageError: ``path`` is a place without a name, such as ``.``.
    """
    name = _name(path)
    numbered = (path.with_name(f"{name}-{number}") for number in itertools.count(2))
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return next(place for place in itertools.chain([path], numbered) if _is_made(place))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path``, whole or not at all."""
    with writing(path) as file:
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
    with _explained(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        if file.write(line) != len(line):  # the disk had room for a part of it
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _name(path: Path) -> str:
    if path.name in ("", ".."):
        raise UsageError(f"'{path}' is a place and no name for something new; give a name, such as {path / 'new'}.")
    return path.name


def _beside(path: Path, ending: str) -> Path:
    """A name that nobody has, in the folder of ``path``: renaming works within one file system only."""
    return path.with_name(f".{_name(path)}.{os.urandom(4).hex()}.{ending}")


def _is_made(path: Path) -> bool:
    """Makes the folder ``path``, if the name is free."""
    with suppress(FileExistsError):
        path.mkdir()
        return True
    return False


def _swap(draft: Path, path: Path) -> None:
    """Puts ``draft`` in the place of ``path``; an older folder there comes to lie under the name of ``draft``."""
    if not os.path.lexists(path):
        draft.replace(path)
    elif not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    elif not _exchange(draft, path):
        _step_aside(draft, path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two names in one step (Linux 3.15, glibc 2.28); False where that cannot be had."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    failed: int = renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
    return not failed


def _step_aside(draft: Path, path: Path) -> None:
    """What :func:`_exchange` does, in three steps; whatever stops them, the old folder is kept."""
    old = _beside(path, "old")
    try:
        path.replace(old)
        draft.replace(path)
    finally:
        if os.path.lexists(old):
            old.replace(draft if os.path.lexists(path) else path)


def _discard(draft: Path) -> None:
    """Removes what is left under a draft's name, if the disk lets us; of a link, the link alone."""
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        with suppress(OSError):
            draft.unlink()


def _settle(path: Path) -> None:
    """Forces a file or the list of a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path, errors: Collection[int] | None = None) -> Iterator[None]:
    """Turns an OSError into a sentence on ``path``: any, or those whose number is among ``errors``."""
    try:
        yield
    except OSError as error:
        if errors is not None and error.errno not in errors:
            raise
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}. What was there before is untouched; make room or choose another "
            "folder, then run the same command again."
        ) from error
