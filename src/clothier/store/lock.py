"""One tagger per store: a lock that ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clothier.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = "another process is writing tags to {}. Wait for it to end."


@contextmanager
def file_lock(path: Path, name: str) -> Iterator[None]:
    """Holds the lock file ``path``, which is removed at the end.

    Raises:
        UsageError: another process holds it.
        StorageError: the file cannot be created.
    """
    descriptor = _acquire(path, name)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, name: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}. Choose another folder.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UsageError(BUSY.format(name)) from error
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)  # its owner removed it between our opening and locking it
