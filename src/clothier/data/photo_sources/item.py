"""What all sources have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from clothier.errors import ImageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

DEFAULT_FILE_COLUMN = "file"
_DOCUMENTS = ("doc", "docx", "htm", "html", "ini", "json", "jsonl", "log", "md", "toml", "txt", "xml", "yaml", "yml")
_TABLES = ("csv", "parquet", "tsv", "xls", "xlsx")
_OTHERS = ("db", "db-shm", "db-wal", "gz", "lock", "py", "sh", "sqlite", "store", "store-shm", "store-wal", "zip")
OTHER_SUFFIXES = frozenset(f".{one}" for one in (*_DOCUMENTS, *_TABLES, *_OTHERS))
"""Files with these suffixes are counted and left out. Everything else is tried: a failure is better than a gap."""


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
        held: bytes of memory that the item holds, if its content was read already.
        path: of the file that ``read`` reads; None if it is not a file of its own.
    """

    key: str
    file: str
    read: Callable[[], bytes]
    signature: str = ""
    item_id: str = ""
    product: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    location: str = ""
    held: int = 0
    path: Path | None = None


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
    def has_products(self) -> bool:
        """Whether its items may have a product."""
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


@dataclass(slots=True)
class Skipped:
    """Files that are not taken for photos."""

    counts: Counter[str] = field(default_factory=Counter)

    def count_system(self) -> None:
        """Counts a file that a system left behind."""
        self.counts["hidden or system files and folders"] += 1

    def count_link(self) -> None:
        """Counts a link to a folder that was listed already."""
        self.counts["repeated links"] += 1

    def count_suffix(self, name: str) -> bool:
        """Counts a file whose suffix is not that of a photo; whether it is one."""
        suffix = PurePath(name).suffix.lower()
        is_other = suffix in OTHER_SUFFIXES
        self.counts[suffix] += is_other
        return is_other

    def warnings(self, source: Path | str) -> list[str]:
        """One sentence, or none."""
        counts = [f"{n} {kind}" for kind, n in sorted(self.counts.items()) if n]
        return [f"{source}: not taken for photos: {', '.join(counts)}."] if counts else []


def readable(name: str) -> str:
    """A file name as text that a database takes: what is not UTF-8 is escaped, and so is NUL."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def fails(code: str, message: str) -> Callable[[], bytes]:
    """A ``read`` that fails with this error."""

    def read() -> NoReturn:
        raise ImageError(code, message)

    return read


def file_signature(status: os.stat_result) -> str:
    """Size and time of the last change, as rsync compares them."""
    return f"{status.st_size} {status.st_mtime_ns}"
