"""Files and names that come from other people. Standard library only."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHOWN = "\N{NO-BREAK SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Characters that Python does not call printable, but that sentences and names in some scripts need."""

DAMAGED_ARRAYS = (
    *(OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, MemoryError),
    *(SyntaxError, TokenError, zipfile.BadZipFile, zlib.error),  # numpy parses the header of an array as Python
)
"""What numpy raises for .npy and .npz files that are damaged, encrypted, or of other content than expected."""

FORMULA = re.compile(
    "'*(?:[=@\\t\\r\\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH COMMERCIAL AT}]|"
    r"[+\-\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}](?![\d.]+$))"
)
"""Starts of cells that spreadsheets execute, by OWASP's list; a signed number is none. One apostrophe more than there
are makes a text of such a cell, so that reading it gives back the same text."""

MAX_NAME = 100  # characters of a name that becomes a file's or folder's name


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Opening a FIFO would wait for a writer for ever, and a device such as ``/dev/zero`` has no end.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger; ``strerror`` says which.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(limit + 1) if status.st_size <= limit else b""
        if max(len(content), status.st_size) > limit:
            raise OSError(errno.EFBIG, f"larger than the limit of {limit:,} bytes", str(path))
        return content


def is_file_name(text: str) -> bool:
    """Whether ``text`` can be the name of a file: no folder, not hidden, printable, and not too long."""
    return 0 < len(text) <= MAX_NAME and not text.startswith(".") and not set(text) & {"/", "\\"} and is_text(text)


def is_text(text: str) -> bool:
    """Whether ``text`` has neither control characters nor halves of surrogate pairs."""
    return all(unicodedata.category(one) not in ("Cc", "Cs") for one in text)


def repeated(names: Iterable[str]) -> list[str]:
    """Those that are there more than once, in their order; a table may have a million columns."""
    return [name for name, n in Counter(names).items() if n > 1]


def is_storable(text: str) -> bool:
    """Whether a database takes ``text``: it has neither NUL nor halves of surrogate pairs."""
    return all(one != "\0" and unicodedata.category(one) != "Cs" for one in text)


def printable(text: str) -> str:
    """``text`` with what cannot be shown escaped: control characters, bytes of a file name that are not UTF-8, ..."""
    return "".join(one if one.isprintable() or one in SHOWN else one.encode("unicode_escape").decode() for one in text)


def disarm_cell(value: Any) -> Any:
    """A cell of a CSV: a text that a spreadsheet would execute gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def read_cell(text: str) -> str:
    """The text of a cell that :func:`disarm_cell` made."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text
