"""The reviewed items with the person's class, as rows of a table that ``calibrate`` and ``train photo`` take."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from clothier.catalogue.review.queue import find_places, with_files
from clothier.catalogue.rows import OutputColumn
from clothier.data.photo_paths import PhotoFinder
from clothier.store.schema import ITEMS, REVIEWS, UNSEEN_DRAW
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from clothier.catalogue.review.queue import ReviewItem
    from clothier.store import Store
    from clothier.store.store import Row

PAGE = 1_000  # items that are read at a time
NOT_FOUND = (
    "{file} of {source} is not a file that can be read now, so its review was not exported. Photos in a ZIP or Parquet "
    "file must be unpacked and tagged as a folder."
)
CHANGED = (
    "{file} of {source} is another photo now than the one that was reviewed, so its review was not exported. Tag its "
    "source again, and review it."
)


def _column(name: str) -> OutputColumn:
    return OutputColumn(name, str, lambda row: row[name])


CORRECTION_COLUMNS = tuple(
    map(_column, ("file", "label", "product", "item_id", "model_class", "decision", "reviewed_by", "reviewed_at"))
)
"""``label`` is the person's class, empty for none of the classes."""


Places = list[tuple[str, str]]
Reviewed = tuple["ReviewItem", str, Places, bool]
"""An item, the SHA-256 of its photo, source and name of the files that show it, and whether a person looked at it."""


@dataclass(slots=True)
class Corrections:
    """The rows of the reviewed items, each with a photo that exists; what was found is complete when all were read.

    Tags that were accepted all at once are no labels: nobody has looked at the photos.

    Attributes:
        failures: reviewed items without such a photo.
        labels: number of rows by the person's class; "" for none of the classes.
        n_products: rows with a product.
        n_doubtful: rows of photos that the model did not accept.
        n_unseen: items that are left out because they were accepted all at once.
    """

    store: Store
    failures: list[FailedInput] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    n_products: int = 0
    n_doubtful: int = 0
    n_unseen: int = 0

    def __iter__(self) -> Iterator[Row]:
        """The rows, in the order of the items' ids."""
        folders: dict[str, PhotoFinder] = {}
        for item, digest, places, is_seen in _reviewed(self.store):
            if not is_seen:
                self.n_unseen += 1
                continue
            path = _find(item, digest, places, folders)
            if isinstance(path, FailedInput):
                self.failures.append(path)
                continue
            label = item.reviewed_class or ""
            self.labels[label] += 1
            self.n_products += bool(item.product)
            self.n_doubtful += item.decision != "accept"
            yield {
                "file": str(path),
                "label": label,
                "product": item.product,
                "item_id": item.item_id,
                "model_class": item.class_name,
                "decision": item.decision,
                "reviewed_by": item.reviewed_by,
                "reviewed_at": item.reviewed_at,
            }


def _find(item: ReviewItem, digest: str, places: Places, finders: dict[str, PhotoFinder]) -> Path | FailedInput:
    """The photo that was reviewed."""
    changed = None
    for source, file in places:
        path = locate(source, file, finders)
        found = _digest(path) if path else None
        if path and found == digest:
            return path
        changed = changed or (found and (source, file))
    source, file = changed or (item.source or "the store", item.file or item.item_id)
    return FailedInput(file, "not-found", (CHANGED if changed else NOT_FOUND).format(file=file, source=source))


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _reviewed(store: Store) -> Iterator[Reviewed]:
    last: str | None = ""
    while last is not None:
        page = store.read(partial(_page, last=last))
        yield from page
        last = page[-1][0].item_id if len(page) == PAGE else None


def _page(connection: Connection, last: str) -> list[Reviewed]:
    is_seen = (REVIEWS.c.draw != UNSEEN_DRAW).label("is_seen")
    query = select(ITEMS, is_seen).join(REVIEWS, ITEMS.c.review_id == REVIEWS.c.review_id)
    query = query.where(ITEMS.c.item_id > last).order_by(ITEMS.c.item_id).limit(PAGE)
    rows = connection.execute(query).mappings().all()
    digests, seen = ([one[name] for one in rows] for name in ("digest", "is_seen"))
    return list(zip(with_files(connection, rows), digests, find_places(connection, rows), seen, strict=True))


def locate(source: str, file: str, finders: dict[str, PhotoFinder]) -> Path | None:
    """The photo that a source names; None if it is not a file of its own or not there any more.

    Args:
        source: the folder or table.
        file: as the store names it.
        finders: of the sources that were looked at, to be given again.
    """
    if not source or not file:
        return None
    if source not in finders:
        path = Path(source)
        finders[source] = PhotoFinder(path if path.is_dir() else path.parent)
    found = finders[source].find(file)
    return found[0].resolve() if len(found) == 1 and found[0].is_file() else None
