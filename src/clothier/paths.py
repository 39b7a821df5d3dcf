"""Paths that users give. Standard library only."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from clothier.errors import UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_URL_AS_PATH = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)  # Path drops the second slash


def is_file(path: Path) -> bool:
    """Whether this user can see a file there; ``Path.is_file`` raises an error where a folder may not be entered."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether this user can see a folder there, as :func:`is_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_url(name: str | PathLike[str]) -> bool:
    """Whether ``name`` is a URL, such as ``https://example.com/shoe.jpg`` or ``s3://bucket/shoe.jpg``."""
    return bool((_URL if isinstance(name, str) else _URL_AS_PATH).match(os.fspath(name)))


def url_message(name: str | PathLike[str], place: str = "") -> str:
    """Why a URL is not read: the name, ``place`` where it was found, and what to do."""
    url = name if isinstance(name, str) else _URL_AS_PATH.sub(r"\1://", os.fspath(name), count=1)
    return f"{url}{place} is a URL, and Clothier opens files only. Download it and give its path."


def local_path(name: str | PathLike[str]) -> Path:
    """``name`` as a path; nothing needs to exist there.

    Raises:
        UsageError: it is empty, a URL, too long, has a NUL character, or is not a name at all.
    """
    if not isinstance(name, (str, PathLike)):
        raise UsageError(f"got {name!r} of type {type(name).__name__}; give the path of a file or a folder.")
    if not os.fspath(name):
        raise UsageError("the path is empty. Give that of a file or a folder; '.' is the current folder.")
    if is_url(name):
        raise UsageError(url_message(name))
    try:
        Path(name).lstat()
    except ValueError as error:
        raise UsageError(f"{os.fspath(name)!r} is not a path: it has a NUL character.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"a path of {len(os.fspath(name))} characters is too long. Give a shorter one.") from error
    return Path(name)


def check_not_source(source: str | PathLike[str], output: Path) -> None:
    """Checks that an output would not replace the file that it is made of.

    Raises:
        UsageError: it would.
    """
    if not is_url(source) and local_path(source).resolve() == output.resolve():
        raise UsageError(f"the source and the output are the same: {output}. Name another output.")


def optional_path(name: str | PathLike[str] | None) -> Path | None:
    """:func:`local_path`, or None for None."""
    return None if name is None else local_path(name)


def require_names(values: object, what: str) -> list[str | Path]:
    """``values`` as a list of file names.

    Raises:
        UsageError: it is a single name, whose letters would be taken for names, or contains something else.
    """
    if isinstance(values, (str, bytes, PathLike)):
        raise UsageError(f"got the single name {str(values)!r}; pass a list of {what}, such as [{str(values)!r}].")
    names: list[Any] = list(values) if isinstance(values, Iterable) else [values]
    if wrong := [one for one in names if not isinstance(one, (str, Path))]:
        raise UsageError(f"got a {type(wrong[0]).__name__} among the {what}; pass a list of names.")
    return names
