"""What all sources have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from clothier.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_FILE_COLUMN = "file"


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """Columns of a table of photos.

    Attributes:
        file: the photo's name or path.
        item_id: the user's own id of each photo; None to make one from the content.
        product: what photos of one product have in common; None without.
    """

    file: str = DEFAULT_FILE_COLUMN
    item_id: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of a source.

    Attributes:
        key: identifies it in its source: the user's id, or else the file. Listed twice, the second is an error.
        file: its name.
        read: returns the content.
        signature: changes when the content changes; "" if only reading it can tell.
        item_id: the user's; "" if there is none.
        product: the user's; "" if there is none.
        columns: the user's other columns.
        location: in the source, for messages, such as "line 7".
    """

    key: str
    file: str
    read: Callable[[], bytes]
    signature: str = ""
    item_id: str = ""
    product: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    location: str = ""


class Source(Protocol):
    """A stream of items, which can be read again."""

    @property
    def name(self) -> str:
        """Identifies the source in a store."""
        ...

    @property
    def columns(self) -> Mapping[str, type]:
        """The user's columns, apart from file and id, and the type of each: str, int, float or bool."""
        ...

    @property
    def warnings(self) -> list[str]:
        """One sentence each; complete when the items were read."""
        ...

    def __len__(self) -> int:
        """The number of items."""
        ...

    def __iter__(self) -> Iterator[Item]:
        """The items, always in the same order."""
        ...


def readable(name: str) -> str:
    """A file name as text that a database takes: what is not UTF-8 is escaped, and so is NUL."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def fails(code: str, message: str) -> Callable[[], bytes]:
    """A ``read`` that fails with this error."""

    def read() -> NoReturn:
        raise ImageError(code, message)

    return read


def file_signature(status: os.stat_result) -> str:
    """Size and time of the last change, as rsync compares them."""
    return f"{status.st_size} {status.st_mtime_ns}"
