"""Folders for temporary files that do not outlive the machine's next server: what a killed process left is removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS = 60.0  # within which a new folder is locked for sure


@contextmanager
def temporary_dir(prefix: str) -> Iterator[Path]:
    """A folder in the system's folder for temporary files, for as long as the block takes.

    Those with the same ``prefix`` that killed processes left are removed first; those of the living are locked.

    Raises:
        StorageError: it cannot be created.
    """
    parent = Path(tempfile.gettempdir())
    for other in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            _remove_abandoned(other)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        raise StorageError(f"no folder can be created in {parent}: {error.strerror}. Set TMPDIR to another.") from error
    try:
        with ExitStack() as lock:
            with suppress(OSError):  # a file system without locks
                lock.enter_context(_locked(folder))
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Removes a folder of this user that is not locked, and not so new that it is about to be."""
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and time.time() - status.st_mtime > LOCK_SECONDS:
        with _locked(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds a lock that ends with the process, however that ends.

    Raises:
        OSError: another process holds it, or the file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
