"""Files and folders that appear whole or not at all.

Everything that Clothier writes and would be sorry to find half written goes through here: it is made under a
temporary name beside its place, forced to the disk, and then renamed, which POSIX does in one step. A full disk
or a kill in the middle leaves what was there before.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clothier.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a new binary file that takes the place of ``path`` when the block ends without an error.

    Raises:
        StorageError: the disk refused; ``path`` is as it was.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                _settle(file)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Yields a new empty folder that takes the place of ``path`` when the block ends without an error.

    Raises:
        StorageError: the disk refused; ``path`` is as it was.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        draft.chmod(0o755)
        try:
            yield draft
            for file in draft.rglob("*"):
                if file.is_file():
                    with file.open("rb") as opened:
                        os.fsync(opened.fileno())
            _swap(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def new_folder(path: Path) -> Path:
    """Makes an empty folder at ``path``, or at ``path-2``, ``path-3``, ... when that name is taken.

    Two processes that ask at once get two folders.

    Raises:
        StorageError: the disk refused.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
            with suppress(FileExistsError):
                candidate.mkdir()
                return candidate
    raise AssertionError  # itertools.count never ends


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path``, whole or not at all."""
    with writing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Writes ``content`` as UTF-8 to ``path``, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes ``content`` as indented JSON to ``path``, whole or not at all. NaN is refused: JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _swap(draft: Path, path: Path) -> None:
    """Renames ``draft`` to ``path``; a folder that was there steps aside first and is removed last."""
    if not path.exists():
        draft.replace(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    path.replace(aside / path.name)
    try:
        draft.replace(path)
    except OSError:
        (aside / path.name).replace(path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}. What was there before is untouched; make room or choose another "
            "folder, then run the same command again."
        ) from error
